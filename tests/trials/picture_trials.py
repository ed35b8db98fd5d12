"""Pictures: every kind that is read, spoilt; and odd ones that are whole."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from .mutations import mutated
from .trial_run import Refused, TrialCase

SHORT = 120


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
