"""The film strip in the order in which its pictures show what is chosen: the best place of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vitviz.core.data.selection import token_words
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.session.columns.column_state import TraceTarget
from vitviz.session.columns.column_trace import TraceCache
from vitviz.session.columns.working_columns import WorkingColumns
from vitviz.session.pictures.open_pictures import OpenPictures
from vitviz.session.work.jobs import Job, Jobs
from vitviz.session.work.log import sentence
from vitviz.session.work.model_cache import ModelCache
from vitviz.views.shared.compared_vectors import unit_vectors
from vitviz.views.shared.model_questions import depth_of

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LikenessOrder:
    """Puts the open pictures into the order of their best places for the active column's chosen token.

    The measure is the cosine of tokens after the chosen layer; a prefix token is compared with the
    same one of each picture. Pictures that the model has not read are read first; those that cannot be
    stay last, in their order.
    """

    jobs: Jobs
    pictures: OpenPictures
    columns: WorkingColumns
    engine: ModelCache
    traces: TraceCache

    def begin(self, tell: Told) -> Job | None:
        """Reads and orders; None, and why, where nothing is chosen yet or one picture is open."""
        live = self.columns.active
        trace, selection = live.trace, live.selection
        if trace is None or len(self.pictures) < 2:
            tell(
                _(
                    "Open several pictures and choose a patch: they are put in the order of likeness."
                )
            )
            return None
        token = selection.token(trace.grid, trace.crop)
        request, there = live.column.model, self.pictures.open

        def work(progress: Progress) -> list[str]:
            layer = depth_of(trace, selection)
            scores: dict[str, float] = {}
            for at, picture in enumerate(there):
                progress(at, len(there), _("reading {name}").format(name=picture.name))
                try:
                    target = TraceTarget(request, picture.key)
                    read = self.traces.get(target) or self.engine.trace(request, picture, silent)
                    scores[picture.key] = _likeness(trace, token, read, layer)
                except VitvizError:
                    continue
            return sorted(scores, key=lambda key: -scores[key])

        def done(ordered: list[str]) -> None:
            self.pictures.put_in_order(ordered)
            tell(
                _("Pictures in the order of likeness to {words}; undo takes it back.").format(
                    words=_words(trace, token)
                )
            )

        return self.jobs.submit(
            "order of pictures",
            work,
            lane="run",
            done=done,
            failed=lambda error: tell(sentence(error, _("ordering pictures"))),
            label=_("ordering pictures"),
        )


def _likeness(trace: Trace, token: int, other: Trace, layer: int) -> float:
    """The best cosine of a token with another picture's patches, or with the same prefix token."""
    sought = unit_vectors(trace, layer, "tokens")[token]
    vectors = unit_vectors(other, layer, "tokens")
    prefix = trace.grid.place(token) is None
    among = vectors[token : token + 1] if prefix else vectors[other.grid.patches]
    return float((among @ sought).max())


def _words(trace: Trace, token: int) -> str:
    return _("{token} of {name}").format(
        token=token_words(trace.grid, token), name=trace.picture.name
    )
