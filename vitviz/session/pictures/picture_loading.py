"""Pictures on their way into the film strip, opened in the background one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import numpy as np

from vitviz.core.data.trace import Picture
from vitviz.core.progress import Progress
from vitviz.session.pictures.picture_list import PictureSource, read_sources
from vitviz.session.pictures.web_picture import is_address
from vitviz.session.work.jobs import Job, Jobs
from vitviz.session.work.log import sentence


class PictureLoading:
    """Opens pictures and brings each home; `opened` puts one on the film strip, shown where it is the
    first of those asked for, and gives the sentences about it; `say` tells what went wrong.
    """

    def __init__(
        self,
        jobs: Jobs,
        opened: Callable[[Picture, bool], Sequence[str]],
        say: Callable[[list[str]], None],
    ) -> None:
        self._jobs, self._opened, self._say = jobs, opened, say
        self._reads = count()
        self._strip = object()

    def open(self, sources: Sequence[PictureSource], room: int) -> Job:
        """Opens them, as long as `room` bytes last."""
        first, asked_for = iter((True,)), self._strip
        doubles: list[str] = []

        def at_home(picture: Picture) -> None:
            if asked_for is self._strip:
                doubles.extend(self._opened(picture, next(first, False)))

        def opened(picture: Picture) -> None:
            self._jobs.deliver(lambda: at_home(picture))

        def work(progress: Progress) -> list[str]:
            return read_sources(sources, progress, opened, room)

        what = _file_name(sources[0]) if len(sources) == 1 else f"{len(sources)} files"
        return self._jobs.submit(
            ("read", next(self._reads)),
            work,
            lane="web" if any(map(is_address, sources)) else "read",
            done=lambda problems: self._say([*problems, *doubles]),
            failed=lambda error: self._say([sentence(error, "opening pictures")]),
            label=f"opening {what}",
        )

    def turn_away(self) -> None:
        """Those still on their way were for a film strip that is no more."""
        self._strip = object()


def _file_name(source: PictureSource) -> str:
    match source:
        case (str() as name, bytes()):
            return name
        case bytes() | np.ndarray():
            return "pasted picture"
        case _:
            return Path(str(source)).name
