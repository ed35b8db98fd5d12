"""Pictures as people have them: bands, pages, depth, scanners' and phones' formats, colour profiles."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from vitviz.core.data.picture_choice import PictureChoice
from vitviz.core.data.trace import Picture
from vitviz.core.pictures import foreign_formats
from vitviz.core.pictures import picture_files as files_of_pictures
from vitviz.core.pictures.decoding_size import BUDGET, LARGEST, bytes_needed, halves_needed
from vitviz.core.pictures.picture_files import open_picture, picture_files
from vitviz.core.progress import BadImage, silent
from vitviz.session.pictures.picture_list import read_sources


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def tiff(array: np.ndarray, **options: Any) -> bytes:
    tifffile = pytest.importorskip("tifffile")
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


@pytest.fixture
def ramp() -> np.ndarray:
    """0 to 1 from left to right, a little brighter below."""
    return np.linspace(0, 1, 40)[None].repeat(30, axis=0) * np.linspace(0.9, 1, 30)[:, None]


def test_depth_in_metres_is_stretched_said_and_told(ramp: np.ndarray) -> None:
    picture = open_picture(saved(Image.fromarray((ramp * 10 + 0.2).astype(np.float32)), "TIFF"))
    assert picture.note == "floating point 0.2..10.2 stretched to 8 bit"
    assert (picture.pixels.min(), picture.pixels.max()) == (0, 255)
    assert picture.values is not None
    assert picture.values.at(29, 39) == "10.2"


def test_dark_16_bit_is_stretched(ramp: np.ndarray) -> None:
    picture = open_picture(saved(Image.fromarray((ramp * 120).astype(np.uint16)), "PNG"))
    assert picture.note == "whole numbers 0..120 stretched to 8 bit"
    assert picture.pixels.max() == 255
    assert picture.values is not None
    assert picture.values.at(29, 39) == "120"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_true_values_are_turned_as_the_pixels_are(orientation: int) -> None:
    stored = np.zeros((8, 16), np.float32)
    stored[2, 11] = 7
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = open_picture(saved(Image.fromarray(stored), "TIFF", exif=exif))
    assert picture.values is not None
    row, col = np.unravel_index(picture.pixels[..., 0].argmax(), picture.pixels.shape[:2])
    assert picture.values.at(int(row), int(col)) == "7"
    assert picture.values.array.shape[:2] == picture.pixels.shape[:2]


def test_bands_are_chosen_by_the_makers_numbers(ramp: np.ndarray) -> None:
    bands = np.stack([(ramp * 4000).astype(np.uint16) + 10 * band for band in range(12)], -1)
    data = tiff(bands, photometric="minisblack", planarconfig="contig")
    first, chosen = (open_picture(data, choice=PictureChoice(bands=b)) for b in ((), (4, 3, 2)))
    assert first.note == "bands 1, 2, 3 of 12, 12 bit reduced to 8"
    assert chosen.note == "bands 4, 3, 2 of 12, 12 bit reduced to 8"
    assert (chosen.bands, chosen.choice.bands) == (12, (4, 3, 2))
    assert chosen.values is not None
    assert chosen.values.at(0, 0) == "4: 30, 3: 20, 2: 10"
    one = open_picture(data, choice=PictureChoice(bands=(12,)))
    assert (one.pixels[..., 0] == one.pixels[..., 2]).all()
    for wrong in ((13,), (1, 2), (0,), (1, 2, 3, 44)):
        with pytest.raises(BadImage, match="band"):
            open_picture(data, choice=PictureChoice(bands=wrong))


def test_float_colours_are_read_in_full(ramp: np.ndarray) -> None:
    colours = np.stack([ramp * 3, ramp * 2, ramp], -1).astype(np.float32)
    picture = open_picture(tiff(colours, photometric="rgb"))
    assert picture.note == "floating point 0..3 stretched to 8 bit"
    assert picture.pixels[29, 39].tolist() == [255, 170, 85]


def test_pages_and_frames_are_chosen(ramp: np.ndarray) -> None:
    pages = [Image.fromarray((ramp * 255 / (n + 1)).astype(np.uint8)) for n in range(4)]
    for kind, word in (("TIFF", "page"), ("GIF", "frame"), ("WEBP", "frame")):
        extra = {"lossless": True} if kind == "WEBP" else {}
        data = saved(pages[0].convert("RGB"), kind, save_all=True, append_images=pages[1:], **extra)
        picture = open_picture(data, choice=PictureChoice(page=2))
        assert picture.note.startswith(f"{word} 3 of 4")
        assert picture.pages == 4
        assert abs(int(picture.pixels.max()) - 85) < 8
        with pytest.raises(BadImage, match=f"no {word} 5"):
            open_picture(data, name="stack", choice=PictureChoice(page=4))


def test_a_colour_profile_is_named_and_converted_on_request(photo: np.ndarray) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    srgb = open_picture(saved(Image.fromarray(photo), "PNG", icc_profile=lab.tobytes()))
    assert srgb.note == ""
    wide = _profile(photo, "Wide Test RGB", gamma=3.2)
    assert open_picture(wide).note == "Wide Test RGB, read as sRGB"
    assert np.array_equal(open_picture(wide).pixels, photo), "as timm reads it"
    turned = open_picture(wide, choice=PictureChoice(to_srgb=True))
    assert turned.note == "Wide Test RGB, converted to sRGB"
    assert np.abs(turned.pixels.astype(int) - photo).mean() > 5
    damaged = saved(Image.fromarray(photo), "PNG", icc_profile=b"nonsense" * 40)
    assert open_picture(damaged).note == "a damaged colour profile, read as sRGB"


def _profile(photo: np.ndarray, name: str, gamma: float) -> bytes:
    """A PNG with an RGB profile of another tone curve: sRGB's own with its curves replaced."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", data, 128)[0]
    tags = {
        bytes(data[132 + 12 * n : 136 + 12 * n]): struct.unpack_from(">II", data, 136 + 12 * n)
        for n in range(count)
    }
    for curve in (b"rTRC", b"gTRC", b"bTRC"):
        at, size = tags[curve]
        data[at : at + size] = (
            b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + bytes(size - 14)
        )
    at, size = tags[b"desc"]
    text = name.encode("utf-16-be")
    record = b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(text), 28) + text
    assert len(record) <= size + 64
    new = len(data)
    data += record + bytes(-len(record) % 4)
    for n in range(count):
        if bytes(data[132 + 12 * n : 136 + 12 * n]) == b"desc":
            struct.pack_into(">II", data, 136 + 12 * n, new, len(record))
    struct.pack_into(">I", data, 0, len(data))
    return saved(Image.fromarray(photo), "PNG", icc_profile=bytes(data))


def test_arrays_and_targa_are_read(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "a.tga")
    assert np.array_equal(open_picture(tmp_path / "a.tga").pixels, photo)
    for name, array in (("rows.npy", photo), ("bands.npy", np.moveaxis(photo, -1, 0))):
        np.save(tmp_path / name, array)
        assert np.array_equal(open_picture(tmp_path / name).pixels, photo)
    np.save(tmp_path / "pages.npy", np.stack([photo, photo[::-1]]))
    picture = open_picture(tmp_path / "pages.npy", choice=PictureChoice(page=1))
    assert np.array_equal(picture.pixels, photo[::-1])
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(BadImage):
        open_picture(tmp_path / "objects.npy")
    assert [file.name for file in picture_files([tmp_path])] == [
        "a.tga",
        "bands.npy",
        "objects.npy",
        "pages.npy",
        "rows.npy",
    ]


def test_an_array_that_says_it_is_huge_is_not_built(tmp_path: Path) -> None:
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
    with (tmp_path / "huge.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(BadImage):
        open_picture(tmp_path / "huge.npy")


def test_what_phones_make_opens_where_its_package_is(photo: np.ndarray) -> None:
    pytest.importorskip("pillow_heif").register_heif_opener()
    picture = open_picture(saved(Image.fromarray(photo), "HEIF", quality=95), name="phone.heic")
    assert picture.pixels.shape == photo.shape
    assert np.abs(picture.pixels.astype(int) - photo).mean() < 8


def test_jpeg_xl_opens_where_its_package_is(photo: np.ndarray) -> None:
    pytest.importorskip("pillow_jxl")
    data = saved(Image.fromarray(photo), "JXL", lossless=True)
    assert np.array_equal(open_picture(data).pixels, photo)


def test_a_scanners_picture_opens_in_its_units(tmp_path: Path, ramp: np.ndarray) -> None:
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    made = FileDataset(str(tmp_path / "scan.dcm"), {}, file_meta=meta, preamble=bytes(128))
    made.Rows, made.Columns = ramp.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 16
    made.HighBit, made.PixelRepresentation = 15, 0
    made.RescaleSlope, made.RescaleIntercept = 1, -1024
    made.PixelData = (ramp * 2000).astype(np.uint16).tobytes()
    made.save_as(tmp_path / "scan.dcm", enforce_file_format=True)
    picture = open_picture(tmp_path / "scan.dcm")
    assert "stretched" in picture.note
    assert picture.values is not None
    assert picture.values.at(0, 0) == "−1024"
    assert pydicom.__version__


@pytest.mark.parametrize(
    ("start", "word"),
    [
        (b"8BPS\0\1", "Photoshop"),
        (b"gimp xcf v011", "GIMP"),
        (b"v/1\x01", "EXR"),
        (b"SIMPLE  =   T", "FITS"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"\x1f\x8b\x08", "gzip"),
    ],
)
def test_other_kinds_are_named(start: bytes, word: str) -> None:
    with pytest.raises(BadImage, match=word):
        open_picture(start + bytes(200), name="x")


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_albums_of_links_are_followed_and_loops_end(tmp_path: Path, photo: np.ndarray) -> None:
    (tmp_path / "real").mkdir()
    Image.fromarray(photo).save(tmp_path / "real" / "a.png")
    album = tmp_path / "album"
    album.mkdir()
    (album / "trip").symlink_to(tmp_path / "real")
    (album / "b.png").symlink_to(tmp_path / "real" / "a.png")
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    names = [str(file.relative_to(album)) for file in picture_files([album])]
    assert names[:2] == ["b.png", "trip/a.png"]
    assert len(names) < 6


def png(cols: int, rows: int) -> bytes:
    chunk = struct.pack(">IIBBBBB", cols, rows, 8, 2, 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in ((b"IHDR", chunk), (b"IDAT", zlib.compress(bytes(9))), (b"IEND", b"")):
        parts.append(struct.pack(">I", len(data)) + kind + data)
        parts.append(struct.pack(">I", zlib.crc32(kind + data)))
    return b"".join(parts)


def test_a_picture_of_one_row_is_judged_by_what_it_would_take() -> None:
    with pytest.raises(BadImage, match=r"would take 2\.\d GB to open"):
        open_picture(png(LARGEST - 1, 1), name="row.png")


def test_decoders_reduce_above_the_limit_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(Image.fromarray(np.full((300, 400, 3), 90, np.uint8)), "JPEG")
    assert open_picture(data).pixels.shape == (300, 400, 3)
    monkeypatch.setattr("vitviz.core.pictures.decoding_size.LARGEST", 300 * 400 - 1)
    picture = open_picture(data)
    assert picture.pixels.shape == (150, 200, 3)
    assert picture.note == "decoded at 1/2 of its 400 × 300 pixels, which are too many to hold"
    with pytest.raises(BadImage, match="million pixels"):
        open_picture(saved(Image.new("RGB", (400, 300)), "PNG"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"])
def test_what_opens_is_reckoned_to_fit(kind: str) -> None:
    data = saved(Image.new("RGB", (64, 48)), kind)
    with Image.open(io.BytesIO(data)) as image:
        assert halves_needed(image) == 0
        assert 64 * 48 * 4 <= bytes_needed(image) <= BUDGET


def test_whatever_a_decoder_raises_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """One damaged AVIF ended a whole batch with Pillow's RuntimeError."""
    if "AVIF" not in (Image.init(), Image.SAVE)[1]:
        pytest.skip("this Pillow writes no AVIF")
    whole = bytearray(saved(Image.fromarray(np.full((64, 64, 3), 90, np.uint8)), "AVIF"))
    draw, raised = np.random.default_rng(1), 0
    for _ in range(60):
        data = whole.copy()
        for at in draw.integers(0, len(data), 6):
            data[at] = draw.integers(0, 256)
        try:
            open_picture(bytes(data))
        except BadImage as error:
            raised += "\n" not in str(error)
    assert raised > 5


def test_recipes_and_sessions_say_which_part_it_was() -> None:
    choice = PictureChoice(page=3, bands=(4, 3, 2), to_srgb=True)
    assert PictureChoice.of(choice.said) == choice
    assert PictureChoice().said == {}
    for wrong in ({"page": "x"}, {"file": "/etc/passwd"}, {"bands": [1] * 99}, {"bands": "432"}):
        with pytest.raises(BadImage):
            PictureChoice.of(wrong)


@pytest.fixture
def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where nothing but vitviz is installed."""
    monkeypatch.setattr(foreign_formats, "find_spec", lambda name: None)
    monkeypatch.setattr(foreign_formats, "plugins", lambda: ())
    monkeypatch.setattr(files_of_pictures, "_kinds", lambda: ("PNG", "JPEG"))


PHONE = b"\0\0\0\x18ftypheic" + bytes(300)
SCAN = bytes(128) + b"DICM" + bytes(300)


@pytest.mark.usefixtures("no_packages")
def test_a_folder_of_a_phone_says_once_what_all_its_pictures_want(
    tmp_path: Path, ramp: np.ndarray
) -> None:
    for number in range(5):
        (tmp_path / f"IMG_{number}.heic").write_bytes(PHONE)
    (tmp_path / "IMG_7.dcm").write_bytes(SCAN)
    (tmp_path / "IMG_8.jxl").write_bytes(b"\xff\x0a" + bytes(50))
    (tmp_path / "IMG_9.jxl").write_bytes(b"\xff\x0a" + bytes(50))
    Image.fromarray((ramp * 255).astype(np.uint8)).save(tmp_path / "good.png")
    opened: list[Picture] = []
    said = read_sources([tmp_path], silent, opened.append, 2**30)
    assert [one.name for one in opened] == ["good.png"]
    install = "install it with: pip install vitviz[formats]"
    assert said == [
        f"5 HEIC pictures need pillow-heif; {install}",
        f"IMG_7.dcm is a DICOM picture, which needs pydicom; {install}",
        f"2 JPEG XL pictures need pillow-jxl-plugin; {install}",
    ]


@pytest.mark.parametrize(("data", "package"), [(PHONE, "pillow_heif"), (SCAN, "pydicom")])
def test_a_damaged_one_is_not_asked_to_install_what_is_there(data: bytes, package: str) -> None:
    pytest.importorskip(package)
    with pytest.raises(BadImage) as error:
        open_picture(data)
    assert "install" not in str(error.value)
    assert "copy it again" in str(error.value)
