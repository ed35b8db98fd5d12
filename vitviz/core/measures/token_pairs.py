"""How many pairs of tokens are looked at at once: more would fill a computer's memory."""

from __future__ import annotations

from vitviz.core.language import _
from vitviz.core.progress import Unsupported

MOST = 64_000_000
"""Entries of a map over pairs of tokens, 256 MB: 8,000 tokens by 8,000."""


def too_many(first: int, second: int) -> bool:
    """Whether a map over so many tokens is not made as a whole."""
    return first * second > MOST


def check_pairs(what: str, first: int, second: int) -> None:
    """Unsupported, in a sentence, where a map over so many tokens is not made as a whole."""
    if too_many(first, second):
        raise Unsupported(
            _(
                "{what} would have {first:,} × {second:,} entries, more than the {most} "
                "million that are made at once; take a smaller input size, or look from "
                "single tokens"
            ).format(what=what, first=first, second=second, most=MOST // 1_000_000)
        )
