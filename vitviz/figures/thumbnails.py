"""Images of a figure of pixels, made as small as they are shown: one photograph in each size once."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8
from PIL import Image


class Thumbnails:
    """Makes images smaller for one figure. A page of thirty maps shows one photograph thirty times:
    matplotlib would resample all of it every time.
    """

    def __init__(self) -> None:
        """Nothing has been made yet."""
        self._made: dict[tuple[int, int, int], tuple[np.ndarray, np.ndarray]] = {}

    def fitted(
        self, pixels: UInt8[np.ndarray, "row col channel"], rows: int, cols: int
    ) -> UInt8[np.ndarray, "fine_row fine_col channel"]:
        """The image in that size, or as it is where it is not larger in both directions."""
        if not (0 < rows < pixels.shape[0] and 0 < cols < pixels.shape[1]):
            return pixels
        key = (id(pixels), rows, cols)
        if key not in self._made:
            small = Image.fromarray(pixels).resize((cols, rows), Image.Resampling.LANCZOS)
            # The large one is kept with it, so that nothing else gets its number.
            self._made[key] = pixels, np.asarray(small)
        return self._made[key][1]
