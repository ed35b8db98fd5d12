"""Every view drawn from small traces made by hand, but for those that ask the model again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reference import make_trace

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.selection import Selection
from vitviz.core.progress import Unsupported
from vitviz.views import views


def drawn(**shape) -> Iterator[Drawing]:
    """A drawing of every view that needs no more than what a trace holds."""
    trace, other = (
        replace(make_trace(**{**shape, **more}), source=None)
        for more in ({}, {"rows": 8, "cols": 12, "patch": 4})
    )
    for view in views().values():
        if view.applies(trace):
            continue
        try:
            yield view.draw(trace, Selection(), against=other)
        except Unsupported:
            continue
