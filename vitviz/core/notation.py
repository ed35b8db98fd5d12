"""Numbers as people read them: one notation on screen, on paper and in captions."""

from __future__ import annotations

import math

MINUS = "−"
_SMALLEST, _LARGEST = 1e-3, 1e6
"""Between these a number is written out; beyond them as "1.2e-6"."""


def shown_number(value: float, digits: int = 3) -> str:
    """A number to so many significant digits, without noise: "0.0123", "12.5", "1e-6", "−3".

    Whole digits are never rounded away (12346 stays 12346), zeros that say nothing never written
    (0.5, not 0.500), and an exponent is as short as it can be (1e-6, not 1.00e-06).
    """
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("∞" if value > 0 else f"{MINUS}∞")
    sign, size = (MINUS if value < 0 else ""), abs(float(value))
    if size and not _SMALLEST <= float(f"{size:.{digits - 1}e}") < _LARGEST:
        mantissa, exponent = f"{size:.{digits - 1}e}".split("e")
        return f"{sign}{_bare(mantissa)}e{int(exponent)}"
    if not size:
        return "0"
    places = max(digits - 1 - math.floor(math.log10(size)), 0)
    return f"{sign}{_bare(f'{size:.{places}f}')}"


def signed_number(value: float, places: int = 3) -> str:
    """A number that is added to others, with its sign: "+0.315", "−0.205"."""
    return f"{value:+.{places}f}".replace("-", MINUS)


def _bare(text: str) -> str:
    """Without zeros after the point that say nothing."""
    return text.rstrip("0").rstrip(".") if "." in text else text
