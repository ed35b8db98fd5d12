"""Pictures on their way into the film strip, opened in the background one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import numpy as np

from vitviz.core.data.trace import Picture
from vitviz.core.language import _
from vitviz.core.progress import Progress
from vitviz.session.pictures.picture_list import (
    PicturePart,
    PictureSource,
    is_address,
    read_sources,
)
from vitviz.session.work.jobs import Job, Jobs
from vitviz.session.work.log import sentence

_TOGETHER, _MORE = 0.15, 1 / 10_000
"""Seconds between two announcements of pictures that have come, and more for each that is there: what
shows them looks at all."""


class PictureLoading:
    """Opens pictures and brings them home, those that come fast together: a folder of thousands is
    not announced one by one. `opened` puts them on the film strip, the first shown where it is first of
    those asked for, and gives the sentences about them; `say` tells what went wrong.
    """

    def __init__(
        self,
        jobs: Jobs,
        opened: Callable[[Sequence[Picture], bool], Sequence[str]],
        say: Callable[[list[str]], None],
    ) -> None:
        self._jobs, self._opened, self._say = jobs, opened, say
        self._reads = count()
        self._strip = object()

    def open(self, sources: Sequence[PictureSource], room: int) -> Job:
        """Opens them, as long as `room` bytes last."""
        first, asked_for = iter((True,)), self._strip
        doubles: list[str] = []

        waiting: list[Picture] = []
        told, many = float("-inf"), 0

        def at_home(pictures: Sequence[Picture]) -> None:
            if asked_for is self._strip:
                doubles.extend(self._opened(pictures, next(first, False)))

        def bring() -> None:
            nonlocal told
            if waiting:
                pictures, told = tuple(waiting), time.monotonic()
                waiting.clear()
                self._jobs.deliver(lambda: at_home(pictures))

        def opened(picture: Picture) -> None:
            nonlocal many
            waiting.append(picture)
            many += 1
            if time.monotonic() - told > _TOGETHER + many * _MORE:
                bring()

        def work(progress: Progress) -> list[str]:
            try:
                return read_sources(sources, progress, opened, room)
            finally:
                bring()

        what = (
            _file_name(sources[0])
            if len(sources) == 1
            else _("{sources_count} files").format(sources_count=len(sources))
        )
        return self._jobs.submit(
            ("read", next(self._reads)),
            work,
            lane="web" if any(map(is_address, sources)) else "read",
            done=lambda problems: self._say([*problems, *doubles]),
            failed=lambda error: self._say([sentence(error, _("opening pictures"))]),
            label=_("opening {what}").format(what=what),
        )

    def turn_away(self) -> None:
        """Those still on their way were for a film strip that is no more."""
        self._strip = object()


def _file_name(source: PictureSource) -> str:
    match source:
        case (str() as name, bytes()):
            return name
        case PicturePart():
            return source.file.name
        case Picture():
            return source.name
        case bytes() | np.ndarray():
            return _("pasted picture")
        case _:
            return Path(str(source)).name
