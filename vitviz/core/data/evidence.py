"""How a fact about a model is known: read from a file, proven by its tensors, or only assumed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Certainty = Literal["known", "proven", "assumed"]
"""Said by somebody or a file, the only thing that fits, or a guess; from best to worst."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact that a map depends on, with how it is known.

    >>> from vitviz.core.data.evidence import Evidence, assumed_sentence
    >>> heads = Evidence("heads", "3 heads", "assumed", "64 channels a head, as most ViTs have")
    >>> assumed_sentence([heads, *model.info.evidence])
    'assumed: 3 heads'

    `fact` is what it is about ("architecture", "heads", "window", "mean and std", "classes", "token
    map"), `value` what is taken ("3 heads"), `certainty` is "known" (said by somebody or a file),
    "proven" (the only thing that fits) or "assumed" (a guess), `because` the reason in a clause
    ("config.json beside the file says so", "64 channels a head, as most ViTs have").
    """

    fact: str
    value: str
    certainty: Certainty
    because: str = ""


def assumed(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Those that nobody has confirmed: they make the badge amber and are said in every caption."""
    return tuple(each for each in evidence if each.certainty == "assumed")


def assumed_sentence(evidence: Iterable[Evidence]) -> str:
    """What is assumed, in a clause for badges, captions and stderr; "" where nothing is."""
    guesses = assumed(evidence)
    return f"assumed: {', '.join(each.value for each in guesses)}" if guesses else ""
