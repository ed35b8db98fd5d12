"""Films as sequences of pictures: unpacked once, and figures of their frames joined to a film again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from vitviz.core.files import whole
from vitviz.core.pictures.film_frames import FrameRgb, pyav, upright_frame
from vitviz.core.progress import BadImage, Progress, VitvizError, silent

ANIMATIONS = (".gif", ".webp", ".apng", ".png")
_FACTS = "film.json"


@dataclass(frozen=True, slots=True)
class FilmFrames:
    """The frames of a film as pictures in a folder, in the order of their names.

    `rate` is frames a second as a fraction, `note` says in a sentence why the film ends early.
    """

    name: str
    state: tuple[int, int]
    rate: tuple[int, int]
    count: int
    note: str = ""


def unpack_film(film: Path, folder: Path, progress: Progress = silent) -> FilmFrames:
    """Every frame of a film, or of an animated GIF, WebP or PNG, as a PNG of its own.

    Frames that are there already are not written again. A film that ends early keeps what it has, and
    `note` says so. BadImage for what is no film, VitvizError without PyAV where it is needed.
    """
    found = film.stat()
    state = (found.st_size, found.st_mtime_ns)
    known = _known(folder, film.name, state)
    if known is not None:
        return known
    rate, listed, frames = _opened(film)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VitvizError(
            f"{folder} cannot be made ({error.strerror or error}); choose another place"
        ) from error
    count, note = 0, ""
    try:
        for frame in frames:
            count += 1
            target = folder / f"{count:06}.png"
            with whole(target) as unfinished:
                Image.fromarray(frame).save(unfinished, "PNG", compress_level=1)
            progress(count, 0, f"frame {count} of {film.name}")
    except _DAMAGED as error:
        note = f"{film.name} ends early, after {count} frames ({_said(error)})"
    if not count:
        raise BadImage(f"{film.name} has no frame that can be read; download or copy it again")
    if count < listed and not note:
        note = (
            f"{film.name} ends early, after {count} of {listed} frames; download or copy it again"
        )
    for left in folder.glob("[0-9]*.png"):
        if int(left.stem) > count:
            left.unlink()
    facts = FilmFrames(film.name, state, (rate.numerator, rate.denominator), count, note)
    with whole(folder / _FACTS) as unfinished:
        unfinished.write_text(json.dumps(asdict(facts)), "utf-8")
    return facts


def _known(folder: Path, name: str, state: tuple[int, int]) -> FilmFrames | None:
    """What was unpacked before, if the film is still the same and every frame there."""
    try:
        words = json.loads((folder / _FACTS).read_text("utf-8"))
        facts = FilmFrames(
            words["name"],
            tuple(words["state"]),
            tuple(words["rate"]),
            words["count"],
            words["note"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    same = (facts.name, facts.state) == (name, state)
    return facts if same and len(list(folder.glob("[0-9]*.png"))) == facts.count else None


def _opened(film: Path) -> tuple[Fraction, int, Iterator[FrameRgb]]:
    """The frames a second, how many its header lists (0: nobody knows), and the frames.

    BadImage for what is no film.
    """
    if film.suffix.lower() in ANIMATIONS:
        return _animation(film)
    av = pyav()
    try:
        container = av.open(str(film))
    except (OSError, ValueError) as error:
        raise BadImage(f"{film.name} is no film that can be read ({_said(error)})") from None
    if not container.streams.video:
        container.close()
        raise BadImage(f"{film.name} has sound but no pictures; choose a film")
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
    return rate, int(stream.frames or 0), _decoded(container)


def _decoded(container: Any) -> Iterator[FrameRgb]:
    """Every frame, turned as the film says it is to be seen."""
    with container:
        for frame in container.decode(video=0):
            yield upright_frame(frame)


def _animation(film: Path) -> tuple[Fraction, int, Iterator[FrameRgb]]:
    try:
        with Image.open(film) as image:
            frames = getattr(image, "n_frames", 1)
            seconds = []
            for at in range(frames):
                image.seek(at)
                image.load()
                seconds.append(image.info.get("duration", 100) / 1000)
    except (UnidentifiedImageError, *_DAMAGED) as error:
        raise BadImage(f"{film.name} is no animation that can be read ({_said(error)})") from None
    if frames < 2:
        raise BadImage(f"{film.name} is one picture, not a film; name the folder that it is in")
    mean = max(sum(seconds) / len(seconds), 0.01)
    return Fraction(1 / mean).limit_denominator(1000), frames, _flat(film)


def _flat(film: Path) -> Iterator[FrameRgb]:
    """Every frame over white."""
    with Image.open(film) as image:
        for at in range(getattr(image, "n_frames", 1)):
            image.seek(at)
            white = Image.new("RGBA", image.size, "white")
            shown = Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
            yield np.asarray(shown, np.uint8)


def join_film(frames: Sequence[Path], target: Path, rate: tuple[int, int], words: str = "") -> Path:
    """Pictures as an MP4 of so many frames a second, on pages of one size; `words` go into its comment.

    VitvizError without PyAV, without pictures, or where the file cannot be written.
    """
    av = pyav()
    if not frames:
        raise VitvizError(f"{target.name} needs at least one frame, and none could be drawn")
    sizes = [_size(frame) for frame in frames]
    width, height = (max(each[side] for each in sizes) for side in (0, 1))
    width, height = width + width % 2, height + height % 2
    with whole(target) as unfinished, av.open(str(unfinished), "w", format="mp4") as container:
        container.metadata["comment"] = words
        stream = container.add_stream("h264", rate=Fraction(*rate))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "18"}
        for frame in frames:
            page = av.VideoFrame.from_ndarray(_page(frame, width, height), format="rgb24")
            container.mux(stream.encode(page))
        container.mux(stream.encode())
    return target


def _size(frame: Path) -> tuple[int, int]:
    with Image.open(frame) as image:
        return image.size


def _page(frame: Path, width: int, height: int) -> FrameRgb:
    """A picture on white paper of this size."""
    page = Image.new("RGB", (width, height), "white")
    with Image.open(frame) as image:
        page.paste(image.convert("RGB"))
    return np.asarray(page, np.uint8)


_DAMAGED = (OSError, ValueError, EOFError, SyntaxError, IndexError, MemoryError)


def _said(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120].rstrip(".")
