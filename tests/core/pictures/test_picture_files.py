"""Pictures of every kind open upright and in RGB; every bad one is refused in one sentence."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from weakref import ref

import numpy as np
import pytest
from PIL import ExifTags, Image

from vitviz.core.data.geometry import Crop, Spot
from vitviz.core.pictures.decoding_size import LARGEST
from vitviz.core.pictures.picture_files import (
    bundled_pictures,
    natural,
    open_picture,
    picture_files,
    thumbnail,
)
from vitviz.core.pictures.quiet_libtiff import quiet_libtiff
from vitviz.core.progress import BadImage


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a file of that kind."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def image(photo: np.ndarray) -> Image.Image:
    return Image.fromarray(photo)


def refusal(source: object, name: str = "") -> str:
    with pytest.raises(BadImage) as caught:
        open_picture(source, name=name)  # type: ignore[arg-type]
    text = str(caught.value)
    assert "\n" not in text
    assert ";" in text, "a refusal says what to do now"
    return text


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_lossless_kinds_keep_every_pixel(kind: str, image: Image.Image, photo: np.ndarray) -> None:
    picture = open_picture(saved(image, kind), name="photo")
    assert np.array_equal(picture.pixels, photo)
    assert (picture.name, picture.path, picture.orientation, picture.note) == ("photo", "", 1, "")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_lossy_kinds_are_close(kind: str, image: Image.Image, photo: np.ndarray) -> None:
    if kind not in (Image.init(), Image.SAVE)[1]:
        pytest.skip(f"this Pillow writes no {kind}")
    picture = open_picture(saved(image, kind, quality=95))
    assert picture.pixels.shape == photo.shape
    assert np.abs(picture.pixels.astype(int) - photo).mean() < 8


def test_the_key_is_of_the_pixels_not_of_the_file(image: Image.Image, photo: np.ndarray) -> None:
    keys = {open_picture(source).key for source in (photo, image, saved(image, "PNG"))}
    assert len(keys) == 1
    assert len(keys.pop()) == 64
    turned = photo.reshape(160, 120, 3)
    assert open_picture(turned).key != open_picture(photo).key


def test_pixels_cannot_be_changed(photo: np.ndarray) -> None:
    picture = open_picture(photo)
    with pytest.raises(ValueError, match="read-only"):
        picture.pixels[0, 0] = 0
    photo[0, 0] = photo[0, 0]  # the caller's own array stays writable


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_exif_turn_is_applied_and_remembered(kind: str, orientation: int) -> None:
    stored = np.zeros((8, 16, 3), np.uint8)
    stored[2, 11] = 255  # one bright pixel tells where everything went
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100, "subsampling": 0}
    if kind in ("PNG", "TIFF"):
        options = {}
    picture = open_picture(saved(Image.fromarray(stored), kind, exif=exif, **options))
    rows, cols = picture.pixels.shape[:2]
    crop = Crop((rows, cols), (rows, cols), (1, 1), orientation=orientation)
    row, col = np.unravel_index(picture.pixels.sum(axis=-1).argmax(), (rows, cols))
    assert picture.orientation == orientation
    assert crop.to_stored(Spot(row + 0.5, col + 0.5)) == Spot(2.5, 11.5)


def test_grey_palette_and_transparency(image: Image.Image) -> None:
    grey = open_picture(saved(image.convert("L"), "PNG"))
    assert (grey.pixels[..., 0] == grey.pixels[..., 2]).all()
    palette = open_picture(saved(image.quantize(16), "PNG"))
    assert len(np.unique(palette.pixels.reshape(-1, 3), axis=0)) <= 16
    bitmap = open_picture(saved(image.convert("1"), "PNG"))
    assert set(np.unique(bitmap.pixels)) == {0, 255}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_what_is_transparent_becomes_white(mode: str) -> None:
    clear = Image.new("RGBA", (4, 4), (200, 0, 0, 0))
    clear.putpixel((1, 1), (0, 0, 0, 255))
    match mode:
        case "P":
            data = saved(clear.quantize(4), "PNG")
        case "RGB":
            data = saved(Image.new("RGB", (4, 4), (9, 9, 9)), "PNG", transparency=(9, 9, 9))
        case _:
            data = saved(clear.convert(mode), "PNG")
    picture = open_picture(data)
    assert (picture.pixels[3, 3] == 255).all()
    assert picture.note == "transparency laid over white"


def test_an_opaque_alpha_channel_is_not_worth_a_note(image: Image.Image) -> None:
    assert open_picture(saved(image.convert("RGBA"), "PNG")).note == ""


def test_cmyk(image: Image.Image, photo: np.ndarray) -> None:
    picture = open_picture(saved(image.convert("CMYK"), "JPEG", quality=95))
    assert picture.note == "CMYK converted to RGB"
    assert np.abs(picture.pixels.astype(int) - photo).mean() < 8


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(("highest", "bits"), [(65535, 16), (4095, 12)])
def test_16_bit_grey_uses_the_whole_range(kind: str, highest: int, bits: int) -> None:
    ramp = np.linspace(0, highest, 64, dtype=np.uint16)[None].repeat(4, axis=0)
    picture = open_picture(saved(Image.fromarray(ramp), kind))
    assert picture.note == f"{bits} bit reduced to 8"
    assert (picture.pixels[0, 0] == 0).all()
    assert (picture.pixels[0, -1] == 255).all()
    assert abs(int(picture.pixels[0, 32, 0]) - round(255 * 32 / 63)) <= 1


def test_16_bit_colours_are_noted() -> None:
    row = b"\0" + struct.pack(">6H", 65535, 0, 32768, 0, 65535, 0)
    data = png_chunks(
        (b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row)),
        (b"IEND", b""),
    )
    picture = open_picture(data)
    assert picture.pixels.tolist() == [[[255, 0, 128], [0, 255, 0]]]
    assert picture.note == "16 bit reduced to 8"


def test_float_tiff_says_how_it_was_scaled() -> None:
    unit = np.linspace(0, 1, 5, dtype=np.float32)[None]
    assert open_picture(saved(Image.fromarray(unit), "TIFF")).pixels[0, :, 0].tolist() == [
        0,
        64,
        128,
        191,
        255,
    ]
    wild = np.array([[-3.0, 1.0, 5.0, np.nan]], np.float32)
    picture = open_picture(saved(Image.fromarray(wild), "TIFF"))
    assert picture.pixels[0, :, 0].tolist() == [0, 128, 255, 0]
    assert picture.note.startswith("floating point -3..5 stretched to 8 bit, 1 values")


def test_the_first_of_many_frames_is_taken_and_said(image: Image.Image) -> None:
    frames = [image.point(lambda value, n=n: value // (n + 1)) for n in range(3)]
    data = saved(frames[0].quantize(64), "GIF", save_all=True, append_images=frames[1:])
    assert open_picture(data).note == "first of 3 frames"
    data = saved(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    picture = open_picture(data)
    assert picture.note == "first of 3 pages"
    assert np.array_equal(picture.pixels, np.asarray(image))


def test_a_wrong_ending_does_not_matter(tmp_path: Path, image: Image.Image) -> None:
    file = tmp_path / "really a jpeg.png"
    file.write_bytes(saved(image, "JPEG"))
    picture = open_picture(file)
    assert picture.name == "really a jpeg.png"
    assert picture.path == str(file)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4)])
def test_arrays(shape: tuple[int, ...]) -> None:
    array = np.full(shape, 40, np.uint8)
    picture = open_picture(array)
    assert picture.pixels.shape == (5, 7, 3)
    array[:] = 0
    assert picture.pixels.any(), "a picture does not change with the caller's array"


@pytest.mark.parametrize(
    "bad", [np.zeros((3, 4, 5), np.uint8), np.zeros((4, 4)), np.zeros((0, 4, 3), np.uint8)]
)
def test_arrays_that_are_no_picture(bad: np.ndarray) -> None:
    assert str(bad.shape) in refusal(bad)
    assert str(bad.dtype) in refusal(bad)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_truncated_files(kind: str, share: float, image: Image.Image, tmp_path: Path) -> None:
    if kind not in (Image.init(), Image.SAVE)[1]:
        pytest.skip(f"this Pillow writes no {kind}")
    whole = saved(image, kind)
    file = tmp_path / f"cut.{kind.lower()}"
    file.write_bytes(whole[: int(len(whole) * share)])
    assert refusal(file).startswith(file.name)


def test_random_bytes_and_damage_never_escape(image: Image.Image) -> None:
    draw = np.random.default_rng(3)
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        whole = np.frombuffer(saved(image, kind), np.uint8)
        for _ in range(12):
            data = whole.copy()
            data[draw.integers(0, len(data), 12)] = draw.integers(0, 256, 12)
            with contextlib.suppress(BadImage):
                assert open_picture(data.tobytes()).pixels.dtype == np.uint8


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty (0 bytes)"),
        (b"only some words, no picture\n" * 9, "holds text"),
        ("häuser, bäume".encode() * 9, "holds text"),
        (bytes(range(256)) * 9, "no picture of a known kind"),
        (b"%PDF-1.7 ...", "PDF"),
        (b'<?xml version="1.0"?><svg xmlns="...">', "SVG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"PK\x03\x04 and so on", "ZIP"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "holds text"),
    ],
)
def test_files_that_are_something_else(content: bytes, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(content)
    text = refusal(file)
    assert text.startswith("photo.png ")
    assert reason in text


def png_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file out of its chunks."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in chunks:
        parts.append(struct.pack(">I", len(data)) + kind + data)
        parts.append(struct.pack(">I", zlib.crc32(kind + data)))
    return b"".join(parts)


@pytest.mark.parametrize("side", [13_378, 20_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = png_chunks((b"IHDR", header), (b"IDAT", zlib.compress(bytes(9))), (b"IEND", b""))
    text = refusal(data, "bomb.png")
    assert f"{side * side / 1e6:,.0f} million pixels" in text
    assert f"{LARGEST // 10**6} million" in text


def test_a_large_but_allowed_picture_gives_no_warning(tmp_path: Path) -> None:
    file = tmp_path / "large.png"
    Image.new("1", (10_000, 9_500)).save(file)  # above Pillow's warning, below its error
    picture = open_picture(file)
    assert picture.pixels.shape == (9_500, 10_000, 3)
    assert thumbnail(picture, 100).shape == (95, 100, 3)


def test_missing_unreadable_and_folders(tmp_path: Path, image: Image.Image) -> None:
    assert f"was not found in {tmp_path};" in refusal(tmp_path / "gone.png")
    assert "is a folder" in refusal(tmp_path)
    assert "could not be read" in refusal("bad\0name.png")
    locked = tmp_path / "locked.png"
    locked.write_bytes(saved(image, "PNG"))
    locked.chmod(0)
    if os.access(locked, os.R_OK):
        return  # the superuser may read everything
    assert "may not be read" in refusal(locked)
    (tmp_path / "sub").mkdir(mode=0)
    assert picture_files([tmp_path]) == [locked, tmp_path / "sub"]
    assert "may not be read" in refusal(tmp_path / "sub")


def test_something_that_is_no_source_at_all() -> None:
    assert "int" in refusal(3)


def test_folders_are_walked_in_natural_order(tmp_path: Path, image: Image.Image) -> None:
    for name in ("b 10.png", "b 9.JPG", ".hidden.png", "notes.txt", "sub/a.webp", ".git/x.png"):
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    explicit = tmp_path / "notes.txt"
    found = picture_files([explicit, tmp_path / "photos", tmp_path / "photos" / "b 9.JPG"])
    names = [str(path.relative_to(tmp_path)) for path in found]
    assert names == ["notes.txt", "photos/b 9.JPG", "photos/b 10.png", "photos/sub/a.webp"]
    assert sorted(["p10", "P9", "p"], key=natural) == ["p", "P9", "p10"]


def test_thumbnails_never_grow(photo: np.ndarray) -> None:
    picture = open_picture(photo)
    assert thumbnail(picture, 40).shape == (30, 40, 3)
    assert thumbnail(picture, 4000).shape == photo.shape
    assert thumbnail(open_picture(np.zeros((2, 900, 3), np.uint8)), 90).shape == (1, 90, 3)


def test_the_bundled_photographs_open() -> None:
    pictures = [open_picture(path) for path in bundled_pictures()]
    assert len(pictures) >= 4
    assert any(picture.orientation == 6 for picture in pictures)
    assert {picture.pixels.shape[0] > picture.pixels.shape[1] for picture in pictures} == {
        True,
        False,
    }
    licences = (bundled_pictures()[0].parent / "LICENCES.md").read_text(encoding="utf-8")
    assert all(path.name in licences for path in bundled_pictures())
    assert sum(path.stat().st_size for path in bundled_pictures()) < 3_000_000


def test_a_picture_does_not_change_with_the_image_it_was_made_of(photo):
    image = Image.fromarray(photo)
    picture = open_picture(image)
    image.paste((1, 2, 3), (0, 0, *image.size))
    assert np.array_equal(picture.pixels, photo)
    assert np.array_equal(np.asarray(open_picture(photo).image), photo)
    assert picture.size == photo.shape[:2]


@pytest.mark.skipif(not quiet_libtiff(), reason="this libtiff has no door to it")
def test_only_our_sentence_reaches_the_terminal(tmp_path: Path) -> None:
    """libtiff prints what it thinks of a damaged file by itself, past every hook of Python's."""
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    Image.fromarray(noise).save(file, "TIFF", compression="tiff_lzw")
    spoilt = bytearray(file.getvalue())
    spoilt[60:90] = b"\xff" * 30
    (tmp_path / "spoilt.tif").write_bytes(spoilt)
    code = (
        "import sys; from vitviz.core.pictures.picture_files import open_picture, BadImage\n"
        "try: open_picture(sys.argv[1])\n"
        "except BadImage as error: print(error, file=sys.stderr)"
    )
    order = [sys.executable, "-c", code, str(tmp_path / "spoilt.tif")]
    ended = subprocess.run(order, capture_output=True, text=True, check=True)
    assert ended.stderr.startswith("spoilt.tif is damaged")
    assert ended.stderr.count("\n") == 1


def test_a_picture_that_nobody_holds_is_gone_at_once(tmp_path):
    """Not at the next collection of garbage: a folder's would lie in memory until then."""
    file = tmp_path / "picture.jpg"
    Image.new("RGB", (40, 30)).save(file)
    gc.disable()
    try:
        for look in (lambda one: one.image, lambda one: one.pixels):
            picture = open_picture(file)
            decoded = ref(picture.image)
            look(picture)
            del picture
            assert decoded() is None
    finally:
        gc.enable()
