"""Small pieces that every room uses: theme, labels, keys, subscriptions."""

from contextlib import suppress

from vitviz.gui.widgets.override_errors import make_errors_whole

with suppress(ImportError):  # whoever starts the window says what is missing
    make_errors_whole()
