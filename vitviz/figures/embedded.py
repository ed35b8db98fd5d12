"""Images of a figure in PDF and SVG: as they are, and one copy however many panels show them."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from vitviz.core.data.geometry import Box

Copies = dict[tuple[tuple[int, ...], bytes], np.ndarray]
"""The images of one figure by their shape and content."""


class EmbeddedImage(AxesImage):
    """An image in axes, handed to vector formats at its own size.

    matplotlib's PDF writer stores one copy of each array that it is handed: equal images are
    therefore handed over as one and the same array.
    """

    def __init__(
        self,
        axes: Axes,
        copies: Copies,
        pixels: UInt8[np.ndarray, "row col channel"],
        box: Box,
        opacity: float,
    ) -> None:
        """`pixels` fill `box`, in the axes' units; `opacity` is 0 to 1; `copies` are the figure's."""
        extent = (box.left, box.right, box.bottom, box.top)
        super().__init__(axes, interpolation="none", extent=extent)
        self.copies = copies
        self.set_data(pixels)
        self.set_alpha(None if opacity >= 1 else opacity)
        self.set_clip_path(axes.patch)

    def make_image(self, renderer: Any, magnification: float = 1.0, unsampled: bool = False) -> Any:
        """The pixels with their place on the page, as matplotlib asks for them."""
        pixels, *place = super().make_image(renderer, magnification, unsampled)
        if pixels is None:
            return None, *place
        content = blake2b(pixels.tobytes()).digest()
        return self.copies.setdefault((pixels.shape, content), pixels), *place


_IMAGE = re.compile(
    rb'<image xlink:href="data:[^"]*" id="(?P<id>[^"]+)"(?P<opacity> opacity="[^"]*")?'
    rb' width="[^"]*" height="[^"]*"(?P<place> transform="[^"]*")[^>]*/>'
)


def each_once(svg: bytes) -> bytes:
    """An SVG of matplotlib's in which images that are shown several times are defined once.

    matplotlib names an image by its content, and writes all of it wherever it is shown.
    """
    names = [found["id"] for found in _IMAGE.finditer(svg)]
    defined: set[bytes] = set()

    def shown(found: re.Match[bytes]) -> bytes:
        name = found["id"]
        if names.count(name) < 2:
            return found[0]
        use = b'<use xlink:href="#%b"%b%b/>' % (name, found["opacity"] or b"", found["place"])
        if name in defined:
            return use
        defined.add(name)
        bare = found[0].replace(found["place"], b"", 1).replace(found["opacity"] or b"", b"", 1)
        return b"<defs>%b</defs>\n    %b" % (bare, use)

    return _IMAGE.sub(shown, svg)
