"""Which page and bands of a file are the picture, and the values that its pixels stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped

from vitviz.core.notation import shown_number
from vitviz.core.progress import BadImage

MOST_BANDS = 64
"""That are read at once."""


@dataclass(frozen=True, slots=True)
class PictureChoice:
    """What of a file is opened; the defaults open what any viewer shows.

    `page` is a page of a TIFF, a frame of an animation or a film's still, from 0. `bands` are counted
    from 1, as makers of satellites do: three for red, green and blue, one for grey, as many as a model
    of many channels reads, () for the first ones. `to_srgb` converts by the colour profile inside the
    file; models were trained on pixels that were read as they are.
    """

    page: int = 0
    bands: tuple[int, ...] = ()
    to_srgb: bool = False

    @property
    def said(self) -> dict[str, Any]:
        """What differs from the defaults, by name: for recipes and sessions."""
        values: dict[str, Any] = {"page": self.page, "bands": self.bands, "to_srgb": self.to_srgb}
        return {name: value for name, value in values.items() if value}

    @property
    def words(self) -> tuple[str, ...]:
        """What differs from the defaults, in a reader's words: pages counted from 1."""
        page = (f"page {self.page + 1}",) if self.page else ()
        bands = (f"bands {', '.join(map(str, self.bands))}",) if self.bands else ()
        return (*page, *bands, *(("converted to sRGB",) if self.to_srgb else ()))

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> PictureChoice:
        """The choice that `said` gave. BadImage for anything else: files are read with it."""
        page, bands, to_srgb = (
            said.get("page", 0),
            said.get("bands", ()),
            said.get("to_srgb", False),
        )
        known = not set(said) - {"page", "bands", "to_srgb"}
        whole = (
            isinstance(page, int) and isinstance(bands, tuple | list) and len(bands) <= MOST_BANDS
        )
        if not (known and whole and all(isinstance(each, int) for each in bands)):
            raise BadImage(f"a picture cannot be opened so ({str(dict(said))[:80]}); open it anew")
        return cls(page, tuple(bands), bool(to_srgb))


AS_IT_IS = PictureChoice()
"""The first page, its first bands, its colours as they are read."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureValues:
    """What a picture held before it became 8 bits a colour, upright as its pixels are.

    `bands` are those of the file (counted from 1) that `array` has; `kind` is their number type.
    """

    array: Shaped[np.ndarray, "row col band"]
    bands: tuple[int, ...]

    def at(self, row: int, col: int) -> str:
        """The values of a pixel in words, "10.24" or "4: 812, 3: 655, 2: 512"."""
        values = [shown_number(value, 6) for value in self.array[row, col].tolist()]
        if len(values) == 1:
            return values[0]
        named = zip(self.bands, values, strict=True)
        return ", ".join(f"{band}: {value}" for band, value in named)
