"""In what attention is drawn: as shares, or as multiples of an even share, which compare over grids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.language import _
from vitviz.views import View
from vitviz.views.options import OptionValue

AttentionUnit = Literal["automatic", "share of attention", "times an even share"]
AUTOMATIC, DENSITY = "automatic", "times an even share"
UNIT_HELP = (
    "What the numbers are: the share of attention, which is smaller the more tokens there are; "
    "or how "
    "many times an even share, which compares over grids of any size. Automatic is the share, and "
    "times an even share beside a grid of another size"
)


class UnitFactor(NamedTuple):
    """By what shares are multiplied, and what their colour bar calls them."""

    factor: float
    unit: str


def unit_factor(unit: AttentionUnit, tokens: int) -> UnitFactor:
    """How shares among so many tokens are drawn."""
    return UnitFactor(float(tokens), _("× even share")) if unit == DENSITY else UnitFactor(1.0, "")


def unit_words(unit: AttentionUnit) -> tuple[str, ...]:
    """What a multiple means."""
    if unit != DENSITY:
        return ()
    return (_("1 is the share that every token would have, were attention even."),)


def has_unit(view: View) -> bool:
    """Whether a view's numbers can be drawn as multiples of an even share."""
    return any(one.name == "unit" and DENSITY in one.choices for one in view.options)


def uneven(grids: Iterable[TokenGrid]) -> bool:
    """Whether grids beside each other have different sizes, so that shares do not compare."""
    return len({(grid.rows, grid.cols) for grid in grids}) > 1


def comparable(
    view: View, values: Mapping[str, OptionValue], *, beside_others: bool
) -> dict[str, OptionValue]:
    """The options of a view beside grids of other sizes (`beside_others`): a unit that compares,
    unless one was chosen.
    """
    undecided = values.get("unit", AUTOMATIC) == AUTOMATIC
    if beside_others and undecided and has_unit(view):
        return {**values, "unit": DENSITY}
    return dict(values)
