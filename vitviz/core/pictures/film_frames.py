"""Single frames of films: found by their time stamps, decoded from the last one that stands alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import UInt8

from vitviz.core.data.picture_choice import PictureChoice
from vitviz.core.pictures.upright_pixels import UprightPixels
from vitviz.core.progress import BadImage, VitvizError

FILMS = (".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg")

FrameRgb = UInt8[np.ndarray, "row col rgb"]

_STILLS = (b"heic", b"heix", b"mif1", b"hevc", b"heim", b"msf1", b"avif", b"avis", b"crx ")
"""Brands of the same container that are pictures."""
_STAMPED = ("mp4", "matroska")
"""Containers that say when each frame is shown; in others frames are counted from the first."""


@dataclass(frozen=True, slots=True)
class FilmIndex:
    """Every frame's time stamp in order of showing; () where the film says none, then `count` counts.

    `whole` says whether the file went on to its end.
    """

    stamps: tuple[int, ...]
    count: int
    rate: Fraction
    whole: bool


def begins_as_film(start: bytes) -> bool:
    """Whether a file that begins so is a film."""
    if start[4:8] == b"ftyp":
        return start[8:12] not in _STILLS
    riff = start[:4] == b"RIFF" and start[8:12] == b"AVI "
    return riff or start.startswith((b"\x1aE\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3"))


def pyav() -> Any:
    """PyAV. VitvizError where it is not installed."""
    if find_spec("av") is None:
        raise VitvizError(
            "films need PyAV, which is not installed; pip install 'vitviz[film]', or save the film's "
            "frames as pictures in a folder"
        )
    import av

    return av


def upright_frame(frame: Any) -> FrameRgb:
    """A decoded frame, turned as the film says it is to be seen."""
    turns = round(getattr(frame, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))


def read_film(file: BinaryIO, name: str, choice: PictureChoice) -> UprightPixels:
    """One frame of a film, `choice.page` counted from 0, as the film shows it.

    BadImage for what is no film, a frame that is not there or cannot be decoded, or without PyAV.
    """
    try:
        av = pyav()
    except VitvizError:
        raise BadImage(
            f"{name} is a film, which needs PyAV; install it with: pip install vitviz[film]"
        ) from None
    found = _index(file, name)
    if not 0 <= choice.page < found.count:
        raise BadImage(
            f"{name} has {found.count} frames, there is no frame {choice.page + 1}; choose one of them"
        )
    file.seek(0)
    try:
        with av.open(file) as container:
            frame = _frame(container, found, choice.page)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(name, choice.page, found, str(error)) from error
    if frame is None:
        raise _unreadable(name, choice.page, found, "it ends before")
    note = f"frame {choice.page + 1} of {found.count}"
    cut = "" if found.whole else ", the film ends early"
    return UprightPixels(upright_frame(frame), 1, note + cut, pages=found.count)


def _unreadable(name: str, page: int, found: FilmIndex, why: str) -> BadImage:
    said = (why.splitlines() or [""])[0][:100].rstrip(".")
    return BadImage(
        f"{name}: frame {page + 1} of {found.count} cannot be read ({said}); choose another, or copy "
        "the film again"
    )


def _index(file: BinaryIO, name: str) -> FilmIndex:
    try:
        identity = os.fstat(file.fileno())
    except (OSError, AttributeError):  # bytes in memory
        return _indexed(file, name)
    key = identity.st_dev, identity.st_ino, identity.st_size, identity.st_mtime_ns
    known = _known(key)
    if not known:
        known.append(_indexed(file, name))
    return known[0]


@lru_cache(maxsize=16)
def _known(_file: tuple[int, int, int, int]) -> list[FilmIndex]:
    """A place for the index of a file as it is now: films are not read through twice."""
    return []


def _indexed(file: BinaryIO, name: str) -> FilmIndex:
    """Reads a film through without decoding it."""
    av = pyav()
    file.seek(0)
    try:
        container = av.open(file)
    except (av.FFmpegError, OSError, ValueError) as error:
        said = (str(error).splitlines() or [""])[0][:100]
        raise BadImage(f"{name} is no film that can be read ({said}); copy it again") from error
    with container:
        if not container.streams.video:
            raise BadImage(f"{name} has sound but no pictures; choose a film")
        stream = container.streams.video[0]
        trusted = any(each in container.format.name for each in _STAMPED)
        stamps: list[int | None] = []
        whole = True
        try:
            stamps.extend(packet.pts for packet in container.demux(stream) if packet.size)
        except (av.FFmpegError, OSError, ValueError):
            whole = False
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        listed = int(stream.frames or 0)
    if not stamps:
        raise BadImage(f"{name} has no frame that can be read; download or copy it again")
    known = tuple(sorted(each for each in stamps if each is not None))
    full = known if trusted and len(known) == len(stamps) == len(set(known)) else ()
    return FilmIndex(full, len(stamps), rate, whole and len(stamps) >= listed)


def _frame(container: Any, found: FilmIndex, page: int) -> Any:
    """The decoded frame, None where the film ends before it."""
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    if not found.stamps:
        return next((each for at, each in enumerate(container.decode(video=0)) if at == page), None)
    wanted = found.stamps[page]
    if page:
        container.seek(wanted, stream=stream, backward=True)
    return next(_from(container, wanted), None)


def _from(container: Any, wanted: int) -> Iterator[Any]:
    for frame in container.decode(video=0):
        if frame.pts is not None and frame.pts >= wanted:
            yield frame
