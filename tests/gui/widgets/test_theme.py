"""The palette: everything that is read has the contrast that WCAG 2.2 asks for (AA), dark and light."""

from __future__ import annotations

import pytest

from vitviz.gui.widgets.theme import DARK, LIGHT, Theme, stylesheet

READ, SEEN = 4.5, 3.0
"""Least contrast of text, and of what only has to be seen (the frame of the card in focus)."""


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    dark, light = sorted((luminance(one), luminance(two)))
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_has_the_most_there_is() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
@pytest.mark.parametrize("ground", ["window", "surface", "raised"])
@pytest.mark.parametrize("word", ["text", "quiet", "faint", "accent", "good", "assumed", "bad"])
def test_words_can_be_read(theme: Theme, word: str, ground: str) -> None:
    assert contrast(getattr(theme, word), getattr(theme, ground)) >= READ


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_the_card_in_focus_and_what_is_pressed_stand_out(theme: Theme) -> None:
    assert contrast(theme.accent_text, theme.accent) >= READ
    frame = f'QFrame#card[focused="true"] {{ border: 1px solid {theme.faint}; }}'
    assert frame in stylesheet(theme)
    assert contrast(theme.faint, theme.surface) >= SEEN
    assert contrast(theme.quiet, theme.surface) > contrast(theme.faint, theme.surface)
