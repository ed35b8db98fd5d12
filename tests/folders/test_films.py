"""Films are unpacked frame by frame, drawn, and joined again at their own rate."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitviz
from vitviz.cli import run
from vitviz.core.progress import BadImage, Cancelled, VitvizError
from vitviz.folders.films import unpack_film

FRAMES = 7


@pytest.fixture
def film(tmp_path: Path, photo: np.ndarray) -> Path:
    """A third of a second at 24000/1001 frames a second."""
    av = pytest.importorskip("av")
    file = tmp_path / "walk.mp4"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(24000, 1001))
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for at in range(FRAMES):
            moved = np.ascontiguousarray(np.roll(photo, 8 * at, axis=1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
        container.mux(stream.encode())
    return file


def facts(file: Path) -> tuple[int, Fraction]:
    """Frames, and frames a second, of a film as another program reads it."""
    import av

    with av.open(str(file)) as container:
        count = sum(1 for _ in container.decode(video=0))
        return count, container.streams.video[0].average_rate


def test_a_film_becomes_figures_and_a_film_at_its_own_rate(film, tiny_model, tmp_path) -> None:
    out = tmp_path / "out"
    asked = {"view": "rollout", "model": tiny_model, "kind": "mp4", "workers": 1}

    def stop(done: float, total: float, what: str = "") -> None:
        if total and done >= 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        vitviz.batch(film, out=out, progress=stop, **asked)
    assert not (out / "walk-rollout.mp4").exists()
    found = vitviz.batch(film, out=out, **asked)
    assert found.before >= 1
    assert found.before + found.done == FRAMES
    assert facts(out / "walk-rollout.mp4") == (FRAMES, Fraction(24000, 1001))
    assert len(list(out.glob("0*-rollout.png"))) == FRAMES
    made = (out / "walk-rollout.mp4").stat().st_mtime_ns
    assert vitviz.batch(film, out=out, **asked).done == 0
    assert (out / "walk-rollout.mp4").stat().st_mtime_ns == made


def test_frames_are_the_films_own(film, tmp_path, photo) -> None:
    found = unpack_film(film, tmp_path / "frames")
    assert (found.count, found.rate, found.note) == (FRAMES, (24000, 1001), "")
    with Image.open(tmp_path / "frames" / "000004.png") as image:
        pixels = np.asarray(image).astype(int)
    expected = np.roll(photo, 24, axis=1).astype(int)
    assert np.abs(pixels - expected).mean() < 12  # a film loses a little
    assert unpack_film(film, tmp_path / "frames") == found


@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
def test_animations_are_films_too(kind, tmp_path, photo) -> None:
    turned = [Image.fromarray(np.roll(photo, 9 * at, axis=1)) for at in range(4)]
    file = tmp_path / f"moving.{kind}"
    turned[0].save(file, save_all=True, append_images=turned[1:], duration=40, loop=0)
    found = unpack_film(file, tmp_path / "frames")
    assert (found.count, found.rate) == (4, (25, 1))
    turned[0].save(tmp_path / "still.png")
    with pytest.raises(BadImage, match="is one picture, not a film"):
        unpack_film(tmp_path / "still.png", tmp_path / "none")


def test_a_film_that_ends_early_keeps_what_it_has(tmp_path, tiny_model, photo) -> None:
    av = pytest.importorskip("av")
    file = tmp_path / "cut.avi"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuvj420p"
        for at in range(FRAMES):
            moved = np.ascontiguousarray(np.roll(photo, 8 * at, axis=1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
        container.mux(stream.encode())
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 2 // 3])
    found = vitviz.batch(file, out=tmp_path / "out", model=tiny_model, rows=True)
    assert 2 <= found.done < FRAMES
    name, why = found.broken[-1]
    assert name == "cut.avi"
    assert f"ends early, after {found.done} " in why


def test_what_is_no_film_is_said(tmp_path, tiny_model, pictures, film, monkeypatch) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no film at all" * 100)
    asked = {"view": "rollout", "model": tiny_model}
    with pytest.raises(BadImage, match=r"bad\.mp4 is no film that can be read"):
        vitviz.batch(bad, out=tmp_path / "a", **asked)
    (tmp_path / "note.txt").write_text("words")
    with pytest.raises(VitvizError, match="neither a folder of pictures nor a film"):
        vitviz.batch(tmp_path / "note.txt", out=tmp_path / "b", **asked)
    with pytest.raises(VitvizError, match="name a film, or take other kinds"):
        vitviz.batch(pictures, out=tmp_path / "c", kind="mp4", **asked)
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(VitvizError, match=r"pip install 'vitviz\[film\]'"):
        vitviz.batch(film, out=tmp_path / "d", **asked)


def test_the_command_takes_a_film(film, tmp_path, tiny_checkpoint) -> None:
    words = [
        "batch",
        film,
        "-m",
        tiny_checkpoint,
        "--rows",
        "-v",
        "heads",
        "-k",
        "npz",
        "-o",
        tmp_path / "out",
    ]
    assert run([str(word) for word in words], lambda launch: 9) == 0
    assert len(list((tmp_path / "out").glob("*-attention.npz"))) == FRAMES
