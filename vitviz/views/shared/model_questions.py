"""What several views ask the model again for, kept as long as the trace."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from vitviz.core.data.block_steps import BlockSteps, LayerVectors, PatchStem, SequenceStart
from vitviz.core.data.drawing import Drawing, Message, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.prediction import class_name, scored
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import ModelProbe, Trace
from vitviz.core.language import _
from vitviz.core.progress import Unsupported
from vitviz.views.shared import picture_layers
from vitviz.views.shared.cache_per_trace import kept


def source_of(trace: Trace) -> ModelProbe:
    """The model, asked again. Unsupported where it is gone."""
    if trace.source is None:
        raise Unsupported(
            _("{called} can no longer be asked; open the picture again").format(
                called=trace.model.called
            )
        )
    return trace.source


def features(trace: Trace) -> Float32[np.ndarray, "layer token dim"]:
    """Every token after each block."""
    return source_of(trace).features()


def depth_of(trace: Trace, selection: Selection) -> int:
    """The block at the chosen depth, of those that there are features of."""
    return selection.layer(len(features(trace)))


@kept(most=4)
def block(trace: Trace, layer: int) -> BlockSteps:
    """A layer's block, step by step."""
    return source_of(trace).block(layer)


@kept(most=2)
def vectors(trace: Trace, layer: int) -> LayerVectors:
    """A layer's queries, keys and values."""
    return source_of(trace).vectors(layer)


@kept(most=1)
def stem(trace: Trace) -> PatchStem:
    """The patch embedding."""
    return source_of(trace).stem()


@kept(most=1)
def sequence(trace: Trace) -> SequenceStart:
    """What the first block reads, taken apart."""
    return source_of(trace).sequence()


@kept(most=4)
def probabilities(trace: Trace, layer: int) -> Float32[np.ndarray, "token label"]:
    """What the head would answer from every token of a layer."""
    return shares(trace, source_of(trace).logits(features(trace)[layer]))


@kept(most=2)
def rotations(trace: Trace, layer: int) -> Float32[np.ndarray, "patch angle"] | str:
    """The rotations by place, or why there are none."""
    try:
        return source_of(trace).rotations(layer)
    except Unsupported as why:
        return str(why)


def position_bias(trace: Trace, layer: int) -> Float32[np.ndarray, "head query key"] | str:
    """The bias of a layer by place, or why there is none; asked once where the first layer has none."""
    first = _unbiased(trace)
    return first or _bias(trace, layer)


@kept(most=1)
def _unbiased(trace: Trace) -> str:
    found = _bias(trace, 0)
    return found if isinstance(found, str) else ""


@kept(most=2)
def _bias(trace: Trace, layer: int) -> Float32[np.ndarray, "head query key"] | str:
    try:
        return source_of(trace).position_bias(layer)
    except Unsupported as why:
        return str(why)


def shares(
    trace: Trace, logits: Float32[np.ndarray, "*more label"]
) -> Float32[np.ndarray, "*more label"]:
    """Logits as the probabilities that they stand for in this model."""
    return scored(logits, trace.model.scores)


def label(trace: Trace, index: int) -> str:
    """What a class is called."""
    return class_name(source_of(trace).labels, index)


def check_attends(trace: Trace) -> None:
    """Unsupported for a model without attention among tokens, which has no block to take apart."""
    if not trace.layers:
        raise Unsupported(
            _("{title} has no attention among tokens to take apart{elsewhere}").format(
                title=trace.model.title, elsewhere=picture_layers.elsewhere(trace)
            )
        )


def refused(trace: Trace, view: str, title: str, why: Unsupported, hint: str = "") -> Drawing:
    """A drawing that says why there is nothing to draw."""
    message = Message(picture_layers.sentence(why), hint)
    return Drawing(
        view, title, ((Panel((message,), Box(0, 0, 1, 4), title),),), picture_layers.caption(trace)
    )
