"""A product of attention and values that was written as einsum, with its axes in the usual order."""

from __future__ import annotations

import string
from collections.abc import Sequence

from einops import rearrange
from torch import Tensor

Product = tuple[Tensor, Tensor, Tensor]
"""(... query key) attention, (... key value) values, (... query value) what they gave."""


def einsum_product(
    equation: str, operands: Sequence[Tensor], which: int, key_axis: int, result: Tensor
) -> Product | None:
    """What einsum made of attention, operand number `which`, whose axis `key_axis` sums to 1.

    None where it is no product of attention and values: where keys are not summed over, or where
    anything else is.
    """
    if len(operands) != 2:
        return None
    axes = _axes(equation, operands)
    if axes is None:
        return None
    *given, out = axes
    maps, values = given[which], given[1 - which]
    key = maps[key_axis]
    asking = [each for each in maps if each in out and each not in values]
    dims = [each for each in values if each not in maps]
    summed = [each for each in maps + values if each not in out]
    if not asking or set(summed) != {key} or key not in values:
        return None
    query = _query(maps, asking, key)
    batch = [each for each in maps if each not in (query, key)]
    merged = f"({' '.join(dims)})" if dims else "1"
    shared = " ".join(each if each in values else "1" for each in batch)
    kept = " ".join(batch)
    return (
        rearrange(operands[which], f"{' '.join(maps)} -> {kept} {query} {key}"),
        rearrange(operands[1 - which], f"{' '.join(values)} -> {shared} {key} {merged}"),
        rearrange(result, f"{' '.join(out)} -> {kept} {query} {merged}"),
    )


def _query(maps: str, asking: Sequence[str], key: str) -> str:
    """Of the axes that only the attention has, the queries: the one beside the keys."""
    before = [each for each in maps[: maps.index(key)] if each in asking]
    return before[-1] if before else asking[0]


def _axes(equation: str, operands: Sequence[Tensor]) -> list[str] | None:
    """The letters of both operands and of the result, with "..." spelt out; None where unclear."""
    inputs, arrow, out = equation.replace(" ", "").partition("->")
    sides = inputs.split(",")
    if len(sides) != len(operands):
        return None
    free = [each for each in string.ascii_letters if each not in equation]
    found = []
    most = 0
    for side, operand in zip(sides, operands, strict=True):
        more = operand.ndim - len(side.replace("...", ""))
        if more < 0 or (more and "..." not in side) or more > len(free):
            return None
        most = max(most, more)
        found.append(side.replace("...", "".join(free[:more][::-1])))
    letters = "".join(found)
    if len(set(found[0])) < len(found[0]) or len(set(found[1])) < len(found[1]):
        return None  # a diagonal
    spread = "".join(free[:most][::-1])
    if not arrow:
        alone = sorted(each for each in set(letters) if letters.count(each) == 1)
        return [*found, spread + "".join(each for each in alone if each not in spread)]
    return [*found, out.replace("...", spread)]
