"""What a figure is printed on: its width, type, background, and what stands beside the maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vitviz.core.language import _
from vitviz.core.progress import VitvizError

WIDTHS = {"one column": 85.0, "text width": 180.0, "slide": 254.0}
"""Usual widths of a figure, in millimetres."""

HEIGHTS = {"one column": 240.0, "text width": 240.0, "slide": 143.0}
"""The most that a page of such a width is high, in millimetres."""

NARROWEST, WIDEST = 40.0, 2000.0


@dataclass(frozen=True, slots=True)
class PaperStyle:
    """How a figure is printed; sizes of type are in points, headings and titles in proportion.

    `background` is any colour matplotlib knows, or "transparent". `bars`: a colour bar below each
    map, one for all where they share one range, or none. `grid` keeps rows of panels together on
    narrow paper too. What is higher than `height_mm` goes on on a further page; None: one page,
    however high.
    """

    width_mm: float = WIDTHS["text width"]
    dpi: int = 200
    font: str = "DejaVu Sans"
    size: float = 7.0
    background: str = "white"
    title: bool = True
    labels: bool = True
    letters: bool = False
    facts: bool = True
    caption: bool = True
    bars: Literal["each", "shared", "none"] = "each"
    grid: bool = False
    height_mm: float | None = 240.0

    def __post_init__(self) -> None:
        """VitvizError, with the limits, for a width, resolution or type that no figure can have."""
        if not NARROWEST <= self.width_mm <= WIDEST:
            raise VitvizError(
                _(
                    "a figure needs a width of at least {narrowest:g} mm and at most "
                    "{widest:g} mm, not {width_mm:g}"
                ).format(narrowest=NARROWEST, widest=WIDEST, width_mm=self.width_mm)
            )
        if self.height_mm is not None and not NARROWEST <= self.height_mm <= WIDEST:
            raise VitvizError(
                _(
                    "a page is at least {narrowest:g} mm and at most {widest:g} mm high, "
                    "not {height_mm:g}"
                ).format(narrowest=NARROWEST, widest=WIDEST, height_mm=self.height_mm)
            )
        if not 20 <= self.dpi <= 2400:
            raise VitvizError(
                _("a figure has 20 to 2400 dots per inch, not {dpi}").format(dpi=self.dpi)
            )
        if not 3 <= self.size <= 40:
            raise VitvizError(
                _("type in a figure is 3 to 40 points high, not {size:g}").format(size=self.size)
            )

    @property
    def heading(self) -> float:
        """The size of panels' headings, in points."""
        return self.size * 8 / 7

    @property
    def headline(self) -> float:
        """The size of the title, in points."""
        return self.size * 10 / 7

    @property
    def transparent(self) -> bool:
        """Whether nothing lies behind the maps."""
        return self.background == "transparent"
