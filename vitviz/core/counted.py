"""Layers and heads by name: people count them from 1, Python and the command line from 0."""

from __future__ import annotations


def layer_name(layer: int, start: str = "layer") -> str:
    """What a layer of that index is called on screen and on paper.

    >>> from vitviz.core.counted import head_name, layer_name, typed_words
    >>> layer_name(11), layer_name(11, "Layer"), head_name(0)
    ('layer 12', 'Layer 12', 'head 1')
    >>> typed_words(layer=11, head=2)
    'layer 12 (--layer 11) and head 3 (--head 2)'
    """
    return f"{start} {layer + 1}"


def head_name(head: int) -> str:
    """What a head of that index is called on screen and on paper."""
    return f"head {head + 1}"


def typed_words(*, layer: int | None = None, head: int | None = None) -> str:
    """Both counts side by side, for whoever reads one and types the other; "" without any."""
    said = [] if layer is None else [f"{layer_name(layer)} (--layer {layer})"]
    if head is not None:
        said.append(f"{head_name(head)} (--head {head})")
    return " and ".join(said)
