"""Drawings shown one after another: GIF, animated PNG, WebP, and MP4 where ffmpeg is installed."""

from __future__ import annotations

import html
import io
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vitviz.core.data.drawing import Drawing
from vitviz.core.drawings.shared_ranges import ranges, with_ranges
from vitviz.core.files import check_place, whole
from vitviz.core.language import _
from vitviz.core.programs import program
from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.figures.paper import PaperStyle
from vitviz.figures.recipes import ascii_recipe, exact, recipe
from vitviz.figures.render import pixels

ANIMATIONS = (".gif", ".apng", ".webp", ".mp4")
Frame = UInt8[np.ndarray, "row col rgb"]


def animate(
    drawings: Sequence[Drawing],
    path: str | Path,
    *,
    seconds: float = 0.4,
    paper: PaperStyle | None = None,
    one_range: bool = True,
    overwrite: bool = True,
    progress: Progress = silent,
) -> Path:
    """Saves drawings as an animation, each shown for so many seconds; the suffix says how.

    With `one_range` one colour means one value in all frames. VitvizError for another suffix, no
    drawings, a file that cannot be written, or .mp4 without ffmpeg.
    """
    target, paper = Path(path), paper or PaperStyle(dpi=120)
    kind = _kind(target, drawings, seconds)
    check_place(target, overwrite=overwrite)
    shared = ranges(drawings, every=one_range)
    coloured = [with_ranges(drawing, shared) for drawing in drawings]
    frames = _frames(coloured, paper, progress)
    more = {
        "frames": len(drawings),
        "parts": [exact(drawing) for drawing in coloured],
        "movie": {"seconds": seconds},
    }
    with whole(target, overwrite=overwrite) as unfinished:
        if kind == ".mp4":
            words = ascii_recipe(coloured[0], paper, **more)
            unfinished.write_bytes(_mp4(frames, target.name, seconds, words))
        else:
            words = (recipe if kind == ".apng" else ascii_recipe)(coloured[0], paper, **more)
            unfinished.write_bytes(_pictures(frames, kind, seconds, words))
    return target


def _kind(target: Path, drawings: Sequence[Drawing], seconds: float) -> str:
    kind = target.suffix.lower()
    if kind not in ANIMATIONS:
        raise VitvizError(
            _("{name} cannot be saved: animations are {animations}, not {kind}").format(
                name=target.name,
                animations=", ".join(ANIMATIONS),
                kind=kind or _("without a suffix"),
            )
        )
    if not drawings:
        raise VitvizError(_("an animation needs at least one drawing"))
    if not 0.02 <= seconds <= 60:
        raise VitvizError(
            _("a frame is shown for 0.02 to 60 seconds, not {seconds:g}").format(seconds=seconds)
        )
    if kind == ".mp4" and program("ffmpeg") is None:
        raise VitvizError(_("MP4 needs ffmpeg, which is not installed; take .gif, .apng or .webp"))
    return kind


def _frames(drawings: Sequence[Drawing], paper: PaperStyle, progress: Progress) -> list[Frame]:
    """All drawings printed, on pages of one size."""
    printed = []
    for at, drawing in enumerate(drawings):
        progress(
            at, len(drawings), _("frame {at} of {count}").format(at=at + 1, count=len(drawings))
        )
        printed.append(_frame(drawing, paper))
    progress(len(drawings), len(drawings))
    rows, cols = (max(each.shape[axis] for each in printed) for axis in (0, 1))
    return [_padded(each, rows + rows % 2, cols + cols % 2) for each in printed]


def _frame(drawing: Drawing, paper: PaperStyle) -> Frame:
    raw = Image.fromarray(pixels(drawing, paper))
    paper_white = Image.new("RGBA", raw.size, "white")
    return np.asarray(Image.alpha_composite(paper_white, raw).convert("RGB"))


def _padded(frame: Frame, rows: int, cols: int) -> Frame:
    """With paper added below and to the right; films want even numbers of pixels."""
    down, across = rows - frame.shape[0], cols - frame.shape[1]
    return np.pad(frame, ((0, down), (0, across), (0, 0)), mode="edge")


def _pictures(frames: Sequence[Frame], kind: str, seconds: float, words: str) -> bytes:
    first, *rest = (Image.fromarray(frame) for frame in frames)
    file = io.BytesIO()
    common: dict[str, Any] = {
        "save_all": True,
        "append_images": rest,
        "duration": round(1000 * seconds),
        "loop": 0,
    }
    match kind:
        case ".gif":
            # One table of colours for all frames: the same colour stays the same value.
            table = _table(frames)
            first, *rest = (_in_table(frame, table) for frame in frames)
            common["append_images"] = rest
            first.save(file, "GIF", comment=words.encode(), optimize=False, **common)
        case ".apng":
            about = PngInfo()
            about.add_itxt("vitviz", words)
            first.save(file, "PNG", pnginfo=about, **common)
        case _:
            inside = f"<vitviz>{html.escape(words)}</vitviz>"
            packet = f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{inside}</x:xmpmeta>'
            first.save(file, "WEBP", lossless=True, xmp=packet.encode(), **common)
    return file.getvalue()


def _table(frames: Sequence[Frame]) -> Image.Image:
    """256 colours that suit all frames.

    Chosen so that rare colours are met too: the few bright cells of a map are what it is made for.
    By how often colours come instead, a photograph takes them all (farthest off: 93 of 255, not 27).
    """
    some = np.concatenate([frame[::2, ::2] for frame in frames[:: max(1, len(frames) // 16)]])
    table = Image.fromarray(some).quantize(
        256, method=Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE
    )
    colors = _colors_in(table)
    colors[_nearest(colors, some[0, 0])] = some[0, 0]  # the paper, in the corner, as it is
    table.putpalette(colors.ravel().tolist())
    return table


def _colors_in(table: Image.Image) -> np.ndarray:
    return np.array(table.getpalette(), np.int64).reshape(-1, 3)


def _nearest(colors: np.ndarray, color: np.ndarray) -> int:
    return int(np.abs(colors - color.astype(np.int64)).sum(axis=1).argmin())


def _in_table(frame: Frame, table: Image.Image) -> Image.Image:
    """The frame in these colours; Pillow takes about the nearest, but paper stays as it is."""
    found = Image.fromarray(frame).quantize(palette=table, dither=Image.Dither.NONE)
    places = np.array(found)
    places[(frame == frame[0, 0]).all(axis=-1)] = _nearest(_colors_in(table), frame[0, 0])
    exact = Image.fromarray(places, "P")
    exact.putpalette(table.getpalette() or [])
    return exact


def _mp4(frames: Sequence[Frame], name: str, seconds: float, words: str) -> bytes:
    """A film as ffmpeg makes it, in a scratch folder: on a full disk it ends well with half a film."""
    with TemporaryDirectory(prefix="vitviz-") as scratch:
        film = Path(scratch, "film.mp4")
        well, said = _ffmpeg(frames, film, seconds, words)
        data = film.read_bytes() if well else b""
    if not _boxed(data):
        why = said or _("the film was cut off; make room in {folder}").format(folder=gettempdir())
        raise VitvizError(_("ffmpeg could not write {name}: {why}").format(name=name, why=why))
    return data


def _boxed(data: bytes) -> bool:
    """Whether the boxes of an MP4 fill it to the last byte, the one with its index among them."""
    at, kinds = 0, set()
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, at + 8)
        if size < 8:
            return False
        kinds.add(kind)
        at += size
    return at == len(data) and {b"moov", b"mdat"} <= kinds


def _ffmpeg(frames: Sequence[Frame], target: Path, seconds: float, words: str) -> tuple[bool, str]:
    """Has ffmpeg write the film: whether it says that all went well, and its last complaint."""
    rows, cols, _ = frames[0].shape
    command = [
        program("ffmpeg") or "",
        "-loglevel",
        "error",
        "-y",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-s",
        f"{cols}x{rows}",
        "-r",
        f"{1 / seconds:.6f}",
        "-i",
        "-",
        "-pix_fmt",
        "yuv420p",
        "-metadata",
        f"comment={words}",
        "-movflags",
        "+faststart",
        str(target),
    ]
    done = subprocess.run(command, input=b"".join(_bytes(frames)), capture_output=True, check=False)
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return done.returncode == 0, said[-1] if said else ""


def _bytes(frames: Sequence[Frame]) -> Iterator[bytes]:
    return (np.ascontiguousarray(frame).tobytes() for frame in frames)
