"""Single frames of films are those that a player shows there, and what is no film is said."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vitviz.core.data.picture_choice import PictureChoice
from vitviz.core.pictures import film_frames
from vitviz.core.pictures.picture_files import open_picture
from vitviz.core.progress import BadImage

FRAMES = 30


def made(file: Path, codec: str, **options: str) -> Path:
    """A film whose every frame is brighter than the one before."""
    av = pytest.importorskip("av")
    with av.open(str(file), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = options
        for at in range(FRAMES):
            grey = np.full((48, 64, 3), 8 * at, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    return file


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "h264", {"g": "12", "bf": "2"}),
        ("b.mkv", "h264", {"g": "7"}),
        ("c.avi", "mpeg4", {"bf": "2"}),
        ("d.mpg", "mpeg2video", {"bf": "2"}),
    ],
)
def test_each_frame_is_the_one_that_a_player_shows(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    film = made(tmp_path / name, codec, **options)
    import av

    with av.open(str(film)) as container:
        played = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(played) == FRAMES
    for page in (0, 1, 13, 12, 29):
        picture = open_picture(film, choice=PictureChoice(page=page))
        np.testing.assert_array_equal(picture.pixels, played[page])
        assert (picture.pages, picture.note) == (FRAMES, f"frame {page + 1} of {FRAMES}")


def test_a_film_in_memory_opens_too(tmp_path: Path) -> None:
    film = made(tmp_path / "a.mkv", "h264")
    one, two = open_picture(film), open_picture(film.read_bytes())
    np.testing.assert_array_equal(one.pixels, two.pixels)


def test_what_cannot_be_read_of_a_film_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = made(tmp_path / "a.mp4", "h264")
    with pytest.raises(BadImage, match=r"a\.mp4 has 30 frames, there is no frame 31"):
        open_picture(film, choice=PictureChoice(page=FRAMES))
    whole = film.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadImage, match=r"cut\.mp4 is no film that can be read"):
        open_picture(tmp_path / "cut.mp4")
    monkeypatch.setattr(film_frames, "find_spec", lambda _name: None)
    with pytest.raises(BadImage, match=r"a\.mp4 is a film, which needs PyAV"):
        open_picture(film)


def test_a_film_that_ends_early_has_the_frames_that_it_has(tmp_path: Path) -> None:
    whole = made(tmp_path / "a.mkv", "h264", g="5").read_bytes()
    film = tmp_path / "cut.mkv"
    film.write_bytes(whole[: len(whole) * 3 // 4])
    found = open_picture(film)
    assert 5 < found.pages < FRAMES
    assert open_picture(film, choice=PictureChoice(page=found.pages - 2)).pixels.mean() > 8 * 4
