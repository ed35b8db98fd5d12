"""A mark in a picture file: white where it is, black elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vitviz.core.pictures.picture_area import PictureArea
from vitviz.core.pictures.picture_files import open_picture
from vitviz.core.progress import VitvizError


def mask_file(file: Path) -> PictureArea:
    """The mask in a picture file: what is brighter than half of its range, over the whole picture.

    VitvizError where it cannot be read, or marks nothing.
    """
    pixels = np.asarray(open_picture(file).pixels)[..., :3].astype(np.float32).mean(axis=-1)
    inside = pixels > (pixels.max() + pixels.min()) / 2
    if not inside.any():
        raise VitvizError(
            f"{file.name} marks nothing: all of it has one brightness; paint the marked part white on "
            "black"
        )
    return PictureArea.of_mask(inside)
