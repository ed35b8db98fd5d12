"""What drawings, traces, pictures and models look like at the end of a notebook's cell."""

from __future__ import annotations

import sys
from typing import Any

_SHOWN = {
    ("vitviz.core.data.drawing.drawing", "Drawing"): "drawing",
    ("vitviz.core.data.trace", "Picture"): "picture",
    ("vitviz.core.data.trace", "Trace"): "trace",
    ("vitviz.models.loading.model", "Model"): "model",
}
"""By module and name, so that nothing is imported before something of it is shown."""


def register_if_running() -> None:
    """Registers with IPython where this script runs in one; elsewhere nothing is imported."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        register(shell.display_formatter)


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext vitviz.notebook`, for a shell that was begun after vitviz was imported."""
    register(shell.display_formatter)


def register(formatter: Any) -> None:
    """Teaches a display formatter of IPython what vitviz's values look like."""
    kinds = {"image/svg+xml": "svg", "image/png": "png", "text/html": "html"}
    for mime, kind in kinds.items():
        for (module, name), what in _SHOWN.items():
            show = _shower(f"{what}_{kind}")
            if show is not None:
                formatter.formatters[mime].for_type_by_name(module, name, show)


def _shower(name: str) -> Any:
    """A function of `looks`, which is imported when it is first called."""
    if name not in _LOOKS:
        return None

    def show(value: Any) -> Any:
        from vitviz.notebook import looks

        return getattr(looks, name)(value)

    return show


_LOOKS = ("drawing_svg", "drawing_png", "picture_png", "trace_html", "model_html")
