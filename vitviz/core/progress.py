"""Progress and stop for anything that takes time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Cancelled(Exception):
    """Raised inside long work when somebody asked it to stop."""


class Progress(Protocol):
    """Called by long work with what is done of how much; raises `Cancelled` to stop it."""

    def __call__(self, done: float, total: float, what: str = "") -> None:
        """`done` of `total`, in any unit, and `what` is being done. Cancelled where it shall stop."""


def silent(done: float, total: float, what: str = "") -> None:
    """Progress that nobody watches."""


_watching: ContextVar[Progress] = ContextVar("watching", default=silent)


@contextmanager
def watching(progress: Progress) -> Iterator[None]:
    """Has whatever this thread does meanwhile report here, however deep it lies: a view that is drawn
    asks its model for another pass, which takes long and must be stopped.
    """
    before = _watching.set(progress)
    try:
        yield
    finally:
        _watching.reset(before)


def watched() -> Progress:
    """Where to report while somebody is watching; else nobody listens."""
    return _watching.get()


_LONG_WORD = re.compile(r"\S{400,}")
_LONGEST = 2000
"""Letters of a sentence; what it says to do stands at its end."""


class VitvizError(Exception):
    """Something the user should read: one sentence with what, why, and what now.

    >>> try:
    ...     vitviz.draw("heads", trace, head=2)
    ... except vitviz.VitvizError as error:
    ...     print(error)
    there is no head 2; layer 5 has heads 0 to 1

    All that vitviz refuses is of this kind, so one `except` is enough. What a file puts into a sentence
    is shortened where it would fill a screen.
    """

    def __str__(self) -> str:
        """The sentence, its long words and its middle left out where they say too much."""
        said = _LONG_WORD.sub(lambda word: _without_middle(word[0], 80), super().__str__())
        return _without_middle(said, _LONGEST)


def _without_middle(text: str, most: int) -> str:
    """The text in at most so many letters: three quarters of them its beginning."""
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end - 1]}…{text[-end:]}"


class Unsupported(VitvizError):
    """A model or view that cannot be computed exactly, with the reason; never drawn wrong.

    >>> from vitviz.core.progress import Unsupported
    >>> try:
    ...     vitviz.draw("words", trace)
    ... except Unsupported as error:
    ...     print(error)
    test_vit does not divide its patches into words; take a Transformer in Transformer, such as ...
    """


class BadImage(VitvizError):
    """A file that cannot be opened as a picture, with the reason.

    >>> from vitviz.core.progress import BadImage
    >>> try:
    ...     vitviz.trace(model, "nowhere.jpg")
    ... except BadImage as error:
    ...     print(error)
    nowhere.jpg was not found in ...; it may have been moved or renamed, open it from where it is now
    """


class BadModel(VitvizError):
    """A model or checkpoint that cannot be opened, with the reason.

    >>> from vitviz.core.progress import BadModel
    >>> try:
    ...     vitviz.load("no_such_model", allow_download=False)
    ... except BadModel as error:
    ...     print(error)
    there is no model 'no_such_model'...
    """


class StillAssumed(BadModel):
    """A model that strict refuses, in a sentence; `flagged` says it in the command line's words."""

    def __init__(self, sentence: str, flagged: str = "") -> None:
        """Both sentences; one does for both where it names no argument."""
        super().__init__(sentence, flagged)
        self.flagged = flagged or sentence

    def __str__(self) -> str:
        """The sentence in Python's words."""
        return str(self.args[0])
