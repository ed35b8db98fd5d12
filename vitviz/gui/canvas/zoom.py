"""What is zoomed to, said so that a panel beside it can show the same: the same part of the picture."""

from __future__ import annotations

from vitviz.core.data.drawing import Panel, PixelSpace
from vitviz.core.data.geometry import Box


def window_of(panel: Panel, seen: Box) -> Box:
    """What is seen of a panel: a share of the original picture, or of the panel where it has none."""
    if isinstance(panel.space, PixelSpace):
        rows, cols = panel.space.crop.original
        return shares_of(panel.space.crop.box_to_original(seen), Box(0, 0, rows, cols))
    return shares_of(seen, panel.extent)


def seen_of(panel: Panel, window: Box) -> Box:
    """What another panel has to show to be zoomed to the same."""
    if isinstance(panel.space, PixelSpace):
        rows, cols = panel.space.crop.original
        return panel.space.crop.box_to_model(inside(window, Box(0, 0, rows, cols)))
    return inside(window, panel.extent)


def shares_of(box: Box, whole: Box) -> Box:
    """A box in shares of another."""
    return Box(
        (box.top - whole.top) / whole.height,
        (box.left - whole.left) / whole.width,
        (box.bottom - whole.top) / whole.height,
        (box.right - whole.left) / whole.width,
    )


def inside(shares: Box, whole: Box) -> Box:
    """What lies at these shares of a box."""
    return Box(
        whole.top + shares.top * whole.height,
        whole.left + shares.left * whole.width,
        whole.top + shares.bottom * whole.height,
        whole.left + shares.right * whole.width,
    )
