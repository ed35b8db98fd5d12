"""What somebody opens, whichever way it comes: told apart in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vitviz.session.files.session_format import SUFFIX
from vitviz.session.files.training_run import newest_step
from vitviz.session.pictures.picture_list import PictureSource
from vitviz.session.work.request import is_checkpoint

Source = PictureSource
"""A path, an address on the web, a file's bytes (alone or with a name), an array of pixels, or a
picture that is open already."""


@dataclass(frozen=True, slots=True)
class ClassifiedSources:
    """Sources by what they are. What is neither a session nor a checkpoint is tried as a picture."""

    pictures: tuple[Source, ...] = ()
    checkpoints: tuple[str, ...] = ()
    sessions: tuple[Path, ...] = ()


def classify(sources: Iterable[Source]) -> ClassifiedSources:
    """Tells pictures, checkpoint files and saved sessions apart; by content where a suffix lies.

    A folder of one training's checkpoints stands for its newest.
    """
    pictures: list[Source] = []
    checkpoints: list[str] = []
    sessions: list[Path] = []
    for source in sources:
        if not isinstance(source, str | Path):
            pictures.append(source)
        elif str(source).lower().endswith(SUFFIX):
            sessions.append(Path(source))
        elif is_checkpoint(source):
            checkpoints.append(str(source))
        elif (newest := newest_step(source)) != str(source):
            checkpoints.append(newest)
        else:
            pictures.append(source)
    return ClassifiedSources(tuple(pictures), tuple(checkpoints), tuple(sessions))
