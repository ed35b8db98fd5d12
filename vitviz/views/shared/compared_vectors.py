"""Which vectors of a layer's tokens are compared across pictures, at length 1."""

from __future__ import annotations

from typing import Literal, assert_never

import numpy as np
from einops import rearrange
from jaxtyping import Float32

from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.measures.similarity import directions
from vitviz.core.progress import Unsupported
from vitviz.views.shared import model_questions
from vitviz.views.shared.cache_per_trace import kept

ComparedVectors = Literal["tokens", "queries", "keys", "values"]
"""Tokens after the block, or what they ask with, are found by, or give, all heads side by side."""


@kept(most=2)
def unit_vectors(trace: Trace, layer: int, of: ComparedVectors) -> Float32[np.ndarray, "token dim"]:
    """Every token's vector at a depth, at length 1. Unsupported where the model has no such vectors."""
    match of:
        case "tokens":
            return directions(model_questions.features(trace)[layer])
        case "queries":
            return directions(_joined(model_questions.vectors(trace, layer).query))
        case "keys":
            return directions(_joined(model_questions.vectors(trace, layer).key))
        case "values":
            return directions(_joined(model_questions.vectors(trace, layer).value))
        case _:
            assert_never(of)


def depth_of(trace: Trace, selection: Selection, of: ComparedVectors) -> int:
    """The block, or the attention layer, at the chosen depth."""
    if of == "tokens":
        return model_questions.depth_of(trace, selection)
    return selection.layer(len(trace.layers))


def _joined(vectors: Float32[np.ndarray, "head token dim"]) -> Float32[np.ndarray, "token joined"]:
    return rearrange(vectors, "head token dim -> token (head dim)")


def check_comparable(one: Trace, other: Trace) -> None:
    """Unsupported where two traces' vectors do not lie in one space."""
    same = one.model.weights_hash == other.model.weights_hash and one.model.name == other.model.name
    if not same:
        raise Unsupported(
            _(
                "vectors of {called} and {called_2} are not in one space, so they cannot "
                "be compared; compare two pictures of one model"
            ).format(called=one.model.called, called_2=other.model.called)
        )
