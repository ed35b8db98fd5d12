"""Many small maps or pictures put together as one image, the same for screen and paper."""

from __future__ import annotations

import numpy as np
from einops import rearrange
from jaxtyping import Float32, UInt8

from vitviz.core.colors import color_index, table_colors
from vitviz.core.data.drawing import HeatTiles, RasterTiles
from vitviz.core.data.geometry import Box


def mosaic_box(tiles: HeatTiles | RasterTiles) -> Box:
    """The coordinates that a mosaic covers, without a gap after the last tile."""
    shape = tiles.values.shape if isinstance(tiles, HeatTiles) else tiles.pixels.shape
    down, across, rows, cols = shape[:4]
    return Box(0, 0, down * (rows + tiles.gap) - tiles.gap, across * (cols + tiles.gap) - tiles.gap)


def heat_mosaic(tiles: HeatTiles) -> UInt8[np.ndarray, "row col rgba"]:
    """The coloured tiles of an atlas as one image; gaps and tiles of NaN are transparent."""
    ends = tiles.low[..., None, None], tiles.high[..., None, None]
    index = color_index(tiles.values, *ends, tiles.scale.powers)
    colors = np.empty((256, 4), np.uint8)
    colors[:, :3] = table_colors(tiles.scale.table)
    colors[:, 3] = 255
    painted = np.take(colors, index, axis=0)
    painted[np.isnan(tiles.values)] = 0
    return _joined(painted, tiles.gap)


def raster_mosaic(tiles: RasterTiles) -> UInt8[np.ndarray, "row col rgba"]:
    """The pictures of a mosaic as one image; gaps and tiles past `count` are transparent."""
    opaque = np.full((*tiles.pixels.shape[:-1], 1), 255, np.uint8)
    painted = np.concatenate([tiles.pixels, opaque], axis=-1)
    if tiles.count is not None:
        rearrange(painted, "tile_row tile_col ... -> (tile_row tile_col) ...")[tiles.count :] = 0
    return _joined(painted, tiles.gap)


def upsampled(
    values: Float32[np.ndarray, "row col"], side: int = 256
) -> Float32[np.ndarray, "fine_row fine_col"]:
    """Values interpolated linearly between cell centres, to about `side` cells."""
    factor = max(1, side // max(values.shape))
    fine = values
    for axis in (0, 1):
        cells = fine.shape[axis]
        at = (np.arange(cells * factor) + 0.5) / factor - 0.5
        low = np.clip(np.floor(at).astype(int), 0, cells - 1)
        high = np.clip(low + 1, 0, cells - 1)
        share = np.clip(at - low, 0, 1).astype(np.float32)
        share = share[:, None] if axis == 0 else share[None, :]
        fine = np.take(fine, low, axis) * (1 - share) + np.take(fine, high, axis) * share
    return fine


def _joined(
    painted: UInt8[np.ndarray, "tile_row tile_col row col rgba"], gap: int
) -> UInt8[np.ndarray, "down across rgba"]:
    down, across, rows, cols, channels = painted.shape
    spaced = np.zeros((down, rows + gap, across, cols + gap, channels), np.uint8)
    spaced[:, :rows, :, :cols] = rearrange(
        painted, "tile_row tile_col row col rgba -> tile_row row tile_col col rgba"
    )
    joined = rearrange(
        spaced, "tile_row row tile_col col rgba -> (tile_row row) (tile_col col) rgba"
    )
    return np.ascontiguousarray(joined[: -gap or None, : -gap or None])
