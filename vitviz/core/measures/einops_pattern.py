"""einops by doing: a pattern and lengths typed by somebody, run on an array, never as Python."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import Any, Literal, assert_never

import numpy as np
from einops import EinopsError, rearrange, reduce, repeat

from vitviz.core.language import _
from vitviz.core.progress import VitvizError

Operation = Literal["rearrange", "reduce", "repeat"]
Reduction = Literal["mean", "max", "min", "sum"]

MOST = 32_000_000
"""Numbers that a result may have: as many as a picture of 3,266 x 3,266 pixels in colour."""

LONGEST = 300
"""Letters that a pattern may have."""

_LENGTH = re.compile(r"\s*([a-zA-Z][a-zA-Z0-9_]*)\s*=\s*([0-9]{1,9})\s*")
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*|[0-9]+")


@dataclass(frozen=True, slots=True)
class AxisOrder:
    """What is asked of einops: `rearrange(x, pattern, **lengths)`, or reduce, or repeat."""

    operation: Operation
    pattern: str
    lengths: tuple[tuple[str, int], ...] = ()
    reduction: Reduction = "mean"

    @property
    def words(self) -> str:
        """As it would stand in code."""
        more = [f"{self.reduction!r}"] if self.operation == "reduce" else []
        more += [f"{name}={length}" for name, length in self.lengths]
        return f"{self.operation}({', '.join(['x', repr(self.pattern), *more])})"


def lengths_of(text: str) -> tuple[tuple[str, int], ...]:
    """Lengths typed as "p1=16, p2=16". VitvizError for anything else."""
    parts = [part for part in re.split(r"[,;\s]+(?=[a-zA-Z])", text.strip(" ,;")) if part]
    found: dict[str, int] = {}
    for part in parts:
        match = _LENGTH.fullmatch(part.strip(" ,;"))
        if match is None:
            raise VitvizError(
                _("{part!r} is no axis length; write lengths as p1=16, p2=16").format(part=part)
            )
        found[match[1]] = int(match[2])
    return tuple(found.items())


def run(order: AxisOrder, values: np.ndarray) -> np.ndarray:
    """What einops makes of the array.

    VitvizError with einops' own words for a pattern that does not fit, and with the number for a
    result that would be too large, before it is made.
    """
    if len(order.pattern) > LONGEST:
        raise VitvizError(
            _("a pattern of {count} letters is too long; {longest} are enough").format(
                count=len(order.pattern), longest=LONGEST
            )
        )
    if order.pattern.count("->") != 1:
        raise VitvizError(
            _("a pattern has one arrow, -> , between the axes before and those after")
        )
    if any(length < 1 for _unused, length in order.lengths):
        raise VitvizError(_("an axis has at least length 1"))
    size = values.size * _growth(order)
    if size > MOST:
        raise VitvizError(
            _(
                "the result would have {size:,} numbers, {bytes:,.1f} GB; {most:,} are made at most"
            ).format(size=size, bytes=size * values.itemsize / 1e9, most=MOST)
        )
    try:
        return _run(order, values)
    except EinopsError as error:
        raise VitvizError(str(error).strip()) from error
    except (ValueError, TypeError, KeyError, ZeroDivisionError, RuntimeError, IndexError) as error:
        words = str(error).strip() or type(error).__name__
        raise VitvizError(_("einops cannot do that: {words}").format(words=words)) from error


def _run(order: AxisOrder, values: np.ndarray) -> np.ndarray:
    lengths: dict[str, Any] = dict(order.lengths)
    match order.operation:
        case "rearrange":
            return np.asarray(rearrange(values, order.pattern, **lengths))
        case "repeat":
            return np.asarray(repeat(values, order.pattern, **lengths))
        case "reduce":
            floats = values.astype(np.float32)
            return np.asarray(reduce(floats, order.pattern, order.reduction, **lengths))
        case _:
            assert_never(order.operation)


def _growth(order: AxisOrder) -> int:
    """How many times larger the result is: the lengths of the axes that are new on the right."""
    if order.operation != "repeat":
        return 1
    left, _, right = order.pattern.partition("->")
    known = set(_NAME.findall(left))
    lengths = dict(order.lengths)
    new = [name for name in _NAME.findall(right) if not name.isdigit() and name not in known]
    numbers = [int(name) for name in _NAME.findall(right) if name.isdigit()]
    return prod(lengths.get(name, 1) for name in new) * prod(max(each, 1) for each in numbers)
