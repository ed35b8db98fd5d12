"""A view, drawn: rows of panels with a title, options, and what it was made from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32

from vitviz.core.data.drawing.drawing_numbers import DrawingNumbers, panel_numbers
from vitviz.core.data.drawing.panel import Panel
from vitviz.core.data.intervention import Intervention
from vitviz.core.data.recipe import PageRecipe, Recipe


@dataclass(frozen=True, slots=True)
class Drawing:
    """A view, drawn: rows of panels, with a title that says in words what is shown.

    >>> drawing.view, len(drawing.rows), len(drawing.panels)
    ('rollout', 1, 2)
    >>> {name: values.shape for name, values in drawing.arrays.items()}
    {'panel1': (10, 10), 'panel2': (2, 10, 10)}
    >>> dict(drawing.recipe)["token"], dict(drawing.recipe)["weights"]
    ('(7, 7)', 'untrained')

    `options` are those that were given, `recipe` the model, picture and selection it was made from
    in words, `made` the same exactly. `parts` are the drawings that a page was put together from,
    as its `sheet` says. `implied` says what options that were left empty stand for. `ranges` are
    (panel, low, high) of panels that are coloured in the range of drawings beside them instead of
    their own. `known` says in a sentence how the numbers, the places and the model are known:
    printed, not shown on screen, where a badge says it. `change` is a what-if that it shows, which can
    be a column of its own.
    """

    view: str
    title: str
    rows: tuple[tuple[Panel, ...], ...]
    caption: str = ""
    options: tuple[tuple[str, str | float | int | bool | None], ...] = field(default=())
    recipe: tuple[tuple[str, str], ...] = ()
    made: Recipe | None = None
    parts: tuple[Drawing, ...] = ()
    sheet: PageRecipe | None = None
    implied: tuple[tuple[str, str], ...] = ()
    ranges: tuple[tuple[int, float, float], ...] = ()
    known: str = ""
    change: Intervention | None = None

    def __repr__(self) -> str:
        """In a line, for notebooks: its arrays would fill pages."""
        return f"<Drawing {self.view}: {self.title}, {len(self.panels)} panels>"

    @property
    def arrays(self) -> dict[str, Float32[np.ndarray, "..."]]:
        """The numbers that are drawn, by the names that they have in a .npz of the drawing.

        One entry a map, atlas ("panel1": layer head row col) or list of bars; pictures are left out.
        """
        return {each.name: each.values for each in numbers(self)}

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, row by row."""
        return tuple(panel for row in self.rows for panel in row)


def numbers(drawing: Drawing) -> tuple[DrawingNumbers, ...]:
    """Every map, atlas and list of bars of a drawing; pictures are left out."""
    return panel_numbers(drawing.panels)
