"""Which of the last tokens a target reads, and how much of each: where walks back begin."""

from __future__ import annotations

import torch

from vitviz.core.data.attribution import READ_BY_HEAD, AttributionQuery
from vitviz.core.progress import Unsupported
from vitviz.models.attribution.attention_gradients import with_gradient
from vitviz.models.attribution.relevance_walks import TokenWeight, relevance_flow
from vitviz.models.attribution.target_gradients import TargetGradients


def read_weight(
    query: AttributionQuery, found: TargetGradients, called: str
) -> tuple[TokenWeight, tuple[str, ...]]:
    """Where a walk begins: the chosen token, or what the head reads, as its gradient says.

    IndexError for a token that is not there, Unsupported where nobody can see what the head reads.
    """
    last = found.layers[-1]
    tokens, device = last.attention.queries, found.passed.pixels.device
    weight = torch.zeros(tokens, device=device)
    if query.token != READ_BY_HEAD:
        if not 0 <= query.token < tokens:
            raise IndexError(f"token {query.token} is outside the sequence of {tokens}")
        weight[query.token] = 1
        return weight, ()
    if found.pools:
        return _pooled_weight(found, tokens, called), (
            "Read by an attention pool, which is the first step.",
        )
    output = found.passed.output
    if output is None or output.numel() % tokens:
        raise Unsupported(
            f"which tokens the head of {called} reads could not be seen; choose a token "
            "to start from"
        )
    lengths = output.float().reshape(tokens, -1).norm(dim=-1)
    read = lengths > 1e-6 * lengths.max()
    count = int(read.sum())
    if count == 0:
        raise Unsupported(f"the target does not depend on the last tokens of {called}")
    note = () if count == 1 else (f"The mean of the {count} tokens that the head reads.",)
    return read.float() / count, note


def _pooled_weight(found: TargetGradients, tokens: int, called: str) -> TokenWeight:
    """The steps of pools that read the tokens, walked back as any other layer."""
    own = torch.ones(1, device=found.passed.pixels.device)
    weight = torch.zeros(tokens, device=own.device)
    for pool in reversed(found.pools):
        row = relevance_flow(with_gradient(pool, called), own)
        if len(row) == tokens + 1:  # a class token beside the patches, which reads on
            weight += row[1:]
            own = own + row[:1]
        elif len(row) == tokens:
            weight += row
        else:
            raise Unsupported(f"{pool.name} of {called} reads other tokens than its last layer has")
    return weight
