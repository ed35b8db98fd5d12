"""The pictures that are open: loaded in the background, closed, brought back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from psygnal import Signal

from vitviz.core.data.trace import Picture
from vitviz.session.pictures.picture_list import PictureList, PictureSource
from vitviz.session.pictures.picture_loading import PictureLoading
from vitviz.session.work.jobs import Job, Jobs


class OpenPictures:
    """The film strip. Called and announced at home, as the session is.

    `room` says how many bytes the pictures may take together.
    """

    changed = Signal()
    arrived = Signal(tuple, bool)  # pictures that are there, and whether the first shall be shown
    reordered = Signal()
    closed = Signal(str, int)  # the key of one that is gone, and where it was
    problems = Signal(list)

    def __init__(self, jobs: Jobs, room: Callable[[], int]) -> None:
        self._room = room
        self._list = PictureList()
        self._loading = PictureLoading(jobs, self._opened, self._say)

    def __len__(self) -> int:
        return len(self._list.open)

    def __iter__(self) -> Iterator[Picture]:
        return iter(self._list.open)

    @property
    def open(self) -> tuple[Picture, ...]:
        """The film strip, in order."""
        return self._list.open

    @property
    def keys(self) -> frozenset[str]:
        """Of all pictures that are open or can be brought back."""
        return self._list.keys

    @property
    def bytes(self) -> int:
        """Memory of the open pictures' pixels."""
        return self._list.bytes

    def find(self, key: str | None) -> Picture | None:
        """The open picture of that key."""
        return self._list.find(key)

    def is_open(self, key: str | None) -> bool:
        """Whether there is an open picture of that key."""
        return self._list.find(key) is not None

    def index(self, key: str | None) -> int:
        """Its position; -1 where it is not open."""
        return self._list.index(key)

    def load(self, sources: Sequence[PictureSource]) -> Job:
        """Opens pictures in the background; the first of them is shown at once.

        What could not be opened is said in `problems`.
        """
        return self._loading.open(sources, self._room() - self._list.bytes)

    def close(self, key: str) -> None:
        """Takes a picture off the film strip; it can be brought back."""
        index = self._list.index(key)
        if index >= 0:
            self._list = self._list.without(key)
            self.changed.emit()
            self.closed.emit(key, index)

    def reopen(self) -> None:
        """Brings the last closed picture back to its place and shows it."""
        self._list, picture = self._list.reopened()
        if picture is not None:
            self.changed.emit()
            self.arrived.emit((picture,), True)

    def exchange(self, key: str, picture: Picture) -> None:
        """Puts another page of a picture's file in its place; columns are told by who asks for it."""
        if self.is_open(key) and not self.is_open(picture.key):
            self._list = self._list.exchanged(key, picture)
            self.changed.emit()

    def put_in_order(self, keys: Sequence[str]) -> None:
        """Puts the open pictures into an order by their keys; those that it does not name stay last."""
        places = {key: at for at, key in enumerate(keys)}
        ordered = sorted(self._list.open, key=lambda one: places.get(one.key, len(places)))
        if tuple(ordered) != self._list.open:
            self._list = self._list.with_open(tuple(ordered))
            self.changed.emit()
            self.reordered.emit()

    def become(self, pictures: Sequence[Picture]) -> None:
        """The film strip as it once was; columns are told by whoever asks for it."""
        self._list = self._list.with_open(tuple(pictures))
        self.changed.emit()

    def replace_all(self, pictures: Iterable[Picture]) -> None:
        """These pictures instead of those there are; others on their way are turned away."""
        self._loading.turn_away()
        self._list, _ = PictureList().joined(tuple(pictures))
        self.changed.emit()

    def _opened(self, pictures: Sequence[Picture], show: bool) -> list[str]:
        """Puts pictures on the film strip; a sentence for each that is there by another name."""
        before, (self._list, said) = self._list, self._list.joined(pictures)
        if self._list is not before:
            self.changed.emit()
        first = self._list.find(pictures[0].key) or pictures[0]
        self.arrived.emit((first, *pictures[1:]), show)
        return said

    def _say(self, sentences: list[str]) -> None:
        if sentences:
            self.problems.emit(sentences)
