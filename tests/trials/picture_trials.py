"""Pictures: every kind that is read, spoilt; and odd ones that are whole."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .mutations import mutated
from .trial_run import Refused, TrialCase

_ODD = 1 / 11
"""The share of whole pictures that nobody expects, among the spoilt ones."""
_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "I;16", "F")
_SAVED = ("PNG", "TIFF", "JPEG", "WEBP", "GIF", "BMP", "JPEG2000", "PPM", "TGA", "AVIF")
_SIDES = (1, 2, 3, 7, 8, 17, 64, 255, 257, 1031, 20_011)


def attempt(name: str, data: bytes, folder: Path) -> None:
    """Opens one, from a file and for the film strip."""
    from vitviz.core.pictures.picture_files import open_picture, thumbnail
    from vitviz.core.progress import BadImage

    file = folder / f"picture{Path(name.split()[0]).suffix}"
    file.write_bytes(data)
    try:
        thumbnail(open_picture(file), 64)
    except BadImage as error:
        raise Refused(str(error)) from None
    finally:
        file.unlink()


def cases(seed: int) -> Iterator[TrialCase]:
    """The same for one seed, without end."""
    whole = wholes()
    yield from (TrialCase(f"{name} whole", data) for name, data in whole.items())
    yield from (TrialCase(name, data) for name, data in odd().items())
    draw, names, every = np.random.default_rng(seed), list(whole), list(whole.values())
    while True:
        if draw.random() < _ODD:
            yield TrialCase(*odd_picture(draw))
            continue
        name = names[int(draw.integers(len(names)))]
        data, how = mutated(whole[name], draw, every)
        if draw.random() < 0.2:
            data, more = mutated(data or b"\0", draw, every)
            how += f" {more}"
        yield TrialCase(f"{name} {how}", data)


def wholes() -> dict[str, bytes]:
    """A small picture in every format that can be written here."""
    rows, cols = np.mgrid[0:48, 0:64]
    rgb = np.stack([rows * 5, cols * 3, (rows * cols) % 255], -1).astype(np.uint8)
    image, found = Image.fromarray(rgb), {}
    Image.init()
    with_plugins()
    for name, kind, mode, options in (
        ("a.png", "PNG", "RGB", {}),
        ("b.png", "PNG", "P", {}),
        ("c.png", "PNG", "LA", {}),
        ("d.jpg", "JPEG", "RGB", {}),
        ("e.jpg", "JPEG", "CMYK", {"progressive": True}),
        ("f.webp", "WEBP", "RGB", {}),
        ("g.webp", "WEBP", "RGBA", {"lossless": True}),
        ("h.tif", "TIFF", "RGB", {}),
        ("i.tif", "TIFF", "F", {"compression": "tiff_lzw"}),
        ("j.bmp", "BMP", "RGB", {}),
        ("k.gif", "GIF", "P", {}),
        ("l.avif", "AVIF", "RGB", {}),
        ("m.jp2", "JPEG2000", "RGB", {}),
        ("n.ppm", "PPM", "RGB", {}),
        ("o.tga", "TGA", "RGB", {}),
        ("p.heic", "HEIF", "RGB", {}),
        ("q.jxl", "JXL", "RGB", {}),
        ("r.pgm", "PPM", "I", {}),
    ):
        if kind in Image.SAVE:
            file = io.BytesIO()
            image.convert(mode).save(file, kind, **options)
            found[name] = file.getvalue()
    pages = io.BytesIO()
    image.save(pages, "TIFF", save_all=True, append_images=[image, image])
    array = io.BytesIO()
    np.save(array, rgb.astype(np.float32))
    return found | {"s.tif": pages.getvalue(), "t.npy": array.getvalue()} | bands(rgb)


def bands(rgb: np.ndarray) -> dict[str, bytes]:
    """A TIFF of many bands, where that can be written."""
    try:
        import tifffile
    except ImportError:
        return {}
    file = io.BytesIO()
    wide = np.concatenate([rgb, rgb, rgb], -1).astype(np.uint16) * 40
    tifffile.imwrite(file, wide, photometric="minisblack", planarconfig="contig")
    return {"u.tif": file.getvalue()}


def with_plugins() -> None:
    """What installed packages teach Pillow."""
    from vitviz.core.pictures.foreign_formats import plugins

    plugins()


def odd_picture(draw: np.random.Generator) -> tuple[str, bytes]:
    """Whole, of any mode, shape, kind, turn, profile and number of frames that can be written."""
    Image.init()
    while True:
        kind, mode = str(draw.choice(_SAVED)), str(draw.choice(_MODES))
        cols, rows = (int(each) for each in draw.choice(_SIDES, 2))
        if cols * rows > 2**21:
            continue
        options: dict[str, Any] = {}
        exif = Image.Exif()
        # The turn, some of which there are not; libtiff would say so aloud.
        exif[0x0112] = int(draw.integers(1, 9) if kind == "TIFF" else draw.integers(0, 12))
        if draw.random() < 0.4:
            options["exif"] = exif
        if draw.random() < 0.3:
            options["icc_profile"] = draw.bytes(int(draw.integers(1, 400)))
        if draw.random() < 0.3 and kind in ("TIFF", "GIF", "WEBP", "PNG"):
            options |= {"save_all": True, "append_images": [_odd_image(draw, "RGB", 5, 3)] * 3}
        if kind == "TIFF":
            ways = ["raw", "tiff_lzw", "packbits", "tiff_deflate"]
            ways += {"1": ["group4"], "L": ["jpeg"], "RGB": ["jpeg"]}.get(mode, [])
            options["compression"] = str(draw.choice(ways))
        file = io.BytesIO()
        try:
            _odd_image(draw, mode, cols, rows).save(file, kind, **options)
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RuntimeError,
            SystemError,
        ):
            continue  # there is no such picture
        ending = {"JPEG": "jpg", "TIFF": "tif", "JPEG2000": "jp2"}.get(kind, kind.lower())
        words = " ".join(f"{name}={value!r:.20}" for name, value in options.items())
        return f"odd.{ending} {mode} {cols}x{rows} {words}", file.getvalue()


def _odd_image(draw: np.random.Generator, mode: str, cols: int, rows: int) -> Image.Image:
    """Noise, one colour, or numbers beyond what a colour is."""
    noise = draw.integers(0, 256, (rows, cols, 3), "uint8")
    if draw.random() < 0.3:
        noise[:] = noise[0, 0]
    if mode == "F":
        far = (1.0, 1e38, float("inf"), float("nan"), -1e-30)
        with np.errstate(all="ignore"):
            return Image.fromarray(noise[..., 0] * np.float32(draw.choice(far)))
    if mode in ("I", "I;16"):
        wide = noise[..., 0].astype(np.int32) * int(draw.choice((1, 257, -70_000, 2**22)))
        return Image.fromarray(wide.astype(np.int32 if mode == "I" else np.uint16))
    image = Image.fromarray(noise)
    if mode == "LAB":
        return Image.frombytes("LAB", (cols, rows), noise.tobytes())
    return image.convert(mode)


def odd() -> dict[str, bytes]:
    """Whole, and not what anybody expects."""
    found = {}
    for name, image in {
        "one_pixel.png": Image.new("RGB", (1, 1)),
        "one_row.png": Image.new("L", (60_000, 1)),
        "one_column.png": Image.new("L", (1, 60_000)),
        "bits.png": Image.new("1", (33, 17)),
        "all_equal.tif": Image.new("F", (20, 20), 3.0),
        "not_numbers.tif": Image.new("F", (9, 9), float("nan")),
        "negative.tif": Image.new("I", (9, 9), -5),
        "lab.tif": Image.new("LAB", (9, 9)),
    }.items():
        file = io.BytesIO()
        image.save(file, "PNG" if name.endswith("png") else "TIFF")
        found[name] = file.getvalue()
    return found | {
        "empty.png": b"",
        "text.png": b"no picture\n" * 20,
        "zeros.png": bytes(5000),
        "eps.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n" + b"x" * 400,
        "dicom.dcm": bytes(128) + b"DICM" + bytes(300),
    }
