"""Runs of other models and pictures for a figure: taken from the columns, else made once and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vitviz.core.data.trace import Picture, Trace
from vitviz.core.progress import Progress, silent
from vitviz.session.columns.column_trace import size_of
from vitviz.session.figure.sweep_steps import SweptRun
from vitviz.session.work.byte_cache import ByteCache
from vitviz.session.work.model_cache import ModelCache
from vitviz.session.work.request import ModelRequest

_BUDGET = 2 * 1024**3


@dataclass
class SessionRuns:
    """A source of runs over the pictures that are open, by their keys. Called in the run lane.

    `known` are those on screen. `progress` is told of what is read, and stops it.
    """

    engine: ModelCache
    open: Mapping[str, Picture]
    known: Mapping[SweptRun, Trace]
    progress: Progress = silent
    _made: ByteCache[SweptRun, Trace] = field(default_factory=lambda: ByteCache(_BUDGET))

    @property
    def pictures(self) -> Sequence[str]:
        """The keys of all open pictures."""
        return tuple(self.open)

    def trace(self, request: ModelRequest, picture: str) -> Trace:
        """What a model does with an open picture."""
        run = SweptRun(request, picture)
        kept = self.known.get(run) or self._made.get(run)
        if kept is None:
            kept = self.engine.trace(request, self.open[picture], self.progress)
            self._made.put(run, kept, size_of(kept))
        return kept
