"""The model asked again, with the picture it read, for what a trace does not hold."""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float32
from torch import Tensor, nn

from vitviz.core.data.attribution import (
    AttributionMap,
    AttributionQuery,
    Fill,
    HeadImportance,
    HiddenAnswers,
    LogitLedger,
    TargetReading,
)
from vitviz.core.data.block_steps import BlockSteps, LayerVectors, PatchStem, SequenceStart
from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.intervention import Intervention, LayerNeurons
from vitviz.core.data.prediction import distinct_names
from vitviz.core.data.target import Target
from vitviz.core.data.trace import Trace
from vitviz.core.progress import Progress, Unsupported, VitvizError, silent, watched
from vitviz.models.attribution.attributor import Attributor
from vitviz.models.attribution.kept_gradients import KeptGradients
from vitviz.models.families import anatomy_of
from vitviz.models.loading.model import Model
from vitviz.models.loading.preprocess import PreparedPicture, tensor_of
from vitviz.models.probe.apply_intervention import intervened
from vitviz.models.probe.block_lists import block_lists, in_reading_order
from vitviz.models.probe.block_steps import block_of
from vitviz.models.probe.early_head import EarlyHead, UsualBlock, early_head
from vitviz.models.probe.layer_vectors import layer_vectors_of
from vitviz.models.probe.logit_lens import NormAndHead, norm_and_head
from vitviz.models.probe.patch_stem import stem_of
from vitviz.models.probe.position_signal import bias_of, rotations_of
from vitviz.models.probe.register_neurons import found_neurons
from vitviz.models.probe.sequence_start import sequence_start_of
from vitviz.models.probe.word_gradient import word_gradient

BUDGET = 256 * 1024 * 1024
"""Bytes of features remembered for all pictures together; the oldest go first."""

TokenFeatures = Float32[np.ndarray, "layer token dim"]
Retrace = Callable[[Model, Intervention], Trace]


class TorchModelProbe:
    """One model with what it read; `layers` are the names of its recorded calls, `change`
    is what was changed about the pass. `retrace`, put in by who traces, makes another pass.

    The model is held weakly, so that a trace on a shelf keeps no model alive; one that is gone by
    then is loaded again. Random weights cannot be had twice, so an untrained model is held.

    Whatever is asked: VitvizError where memory does not suffice for another pass, or where the file
    of a model that is loaded again has changed. Methods name what else they raise.
    """

    def __init__(
        self,
        model: Model,
        prepared: PreparedPicture,
        grid: TokenGrid,
        layers: Sequence[str],
        change: Intervention | None = None,
    ) -> None:
        """`prepared` is the picture as the model read it, and `grid` the places of its tokens."""
        self._prepared, self._grid, self._layers = prepared, grid, tuple(layers)
        self._change = change or Intervention()
        self._beside: tuple[tuple[Any, ...] | None, ...] | None = None
        self._answer: Tensor | None = None
        self.retrace: Retrace | None = None
        self.labels = distinct_names(model.labels)
        self._info, self._reload = model.info, model.reload
        self._gradients: dict[int | None, Float32[np.ndarray, "sentence word"]] = {}
        self._why = KeptGradients()
        self._model = weakref.ref(model)
        self._held = model if model.reload is None else None

    def features(self) -> TokenFeatures:
        """Every token after each block, before the final norm, one entry a block.

        Unsupported, with the reason, where blocks change the number of tokens or cannot be found.
        """
        kept = _remembered(self)
        if kept is not None:
            return kept
        with torch.inference_mode(False), self._at_work() as (model, pixels), torch.no_grad():
            found, answer = _block_outputs(model, self._layers, self._grid, pixels)
        self._answer = answer.float().cpu() if isinstance(answer, Tensor) else None
        return _remember(self, self._stacked(found))

    def word_gradient(self, label: int | None = None) -> Float32[np.ndarray, "sentence word"]:
        """How strongly a class's logit depends on each word. Unsupported without words or a head.

        VitvizError for a class that is not there; None is the likeliest.
        """
        if self._info.classes == 0:
            raise Unsupported(f"{self._info.called} has no head, so there is no class to depend on")
        if label not in self._gradients:
            with self._at_work() as (model, pixels):
                found = word_gradient(model.module, pixels, label, self._info.called)
            found.setflags(write=False)
            self._gradients[label] = found
        return self._gradients[label]

    def logits(
        self, features: Float32[np.ndarray, "token dim"]
    ) -> Float32[np.ndarray, "token label"]:
        """What the head would say were all that it reads one token. Unsupported without such a head."""
        with self._head() as head:
            return head.logits(features)

    def readout(self) -> Float32[np.ndarray, "layer label"]:
        """What the head would say of each layer's tokens together. Unsupported without such a head."""
        features = self.features()
        with self._head() as head:
            return head.readout(features)

    @contextmanager
    def _head(self) -> Iterator[NormAndHead | EarlyHead]:
        """The model's head, after it has been seen to make the answer of the last layer's tokens."""
        if self._info.classes == 0:
            raise Unsupported(f"{self._info.called} has no head, so there is no answer early")
        last = self.features()[-1] if self._beside is None else None
        with self._at_work() as (model, pixels):
            if last is not None:
                yield self._checked_head(model, pixels, last)
            elif self._beside:
                blocks = _usual(model, self._layers, self._beside)
                yield EarlyHead(model.module, blocks, pixels, self._grid.tokens)
            else:
                yield NormAndHead(model.module)

    def _checked_head(
        self, model: Model, pixels: Tensor, last: Float32[np.ndarray, "token dim"]
    ) -> NormAndHead | EarlyHead:
        called = self._info.called
        plain = norm_and_head(model.module, last, self._answer, called)
        if plain is not None:
            self._beside = ()
            return plain
        if in_reading_order(model) is not None:
            raise Unsupported(
                f"{called} holds its tokens in another order than the picture's, so its head cannot be "
                "applied to the tokens of other layers"
            )
        blocks = _blocks(model, self._layers)
        head = early_head(model.module, blocks, pixels, last, self._answer, called)
        self._beside = tuple(each.beside for each in head.blocks)
        return head

    def _name(self, layer: int) -> str:
        """The module of a layer."""
        if not self._layers:
            raise Unsupported(
                f"the tokens of {self._info.called} do not look at each other, so it has no such layer"
            )
        return self._layers[layer]

    def block(self, layer: int) -> BlockSteps:
        """The block of a layer step by step. Unsupported where its steps cannot be told apart."""
        with self._at_work() as (model, pixels):
            return block_of(model.module, self._name(layer), pixels, self._info.called)

    def vectors(self, layer: int) -> LayerVectors:
        """Queries, keys and values of a layer. Unsupported where they do not meet in a fused call."""
        with self._at_work() as (model, pixels):
            return layer_vectors_of(
                model.module, self._name(layer), pixels, self._grid.tokens, self._info.called
            )

    def stem(self) -> PatchStem:
        """The patch embedding as convolution and as matrix. Unsupported where it is another stem."""
        with self._at_work() as (model, pixels):
            return stem_of(model.module, pixels, self._info.called)

    def sequence(self) -> SequenceStart:
        """What the first block reads, taken apart. Unsupported where it is no such sum."""
        with self._at_work() as (model, pixels):
            return sequence_start_of(model.module, pixels, self._grid, self._info.called)

    def rotations(self, layer: int) -> Float32[np.ndarray, "patch angle"]:
        """Sines and cosines that turn q and k by their place. Unsupported where nothing does."""
        with self._at_work() as (model, pixels):
            return rotations_of(
                model.module, self._name(layer), pixels, self._grid, self._info.called
            )

    def position_bias(self, layer: int) -> Float32[np.ndarray, "head query key"]:
        """What is added to a layer's scores for their places. Unsupported where nothing is."""
        with self._at_work() as (model, pixels):
            return bias_of(model.module, self._name(layer), pixels, self._grid, self._info.called)

    def register_neurons(self, count: int, threshold: float = 6.0) -> LayerNeurons:
        """The (layer, neuron) of MLPs that write the picture's outliers, strongest first. Unsupported
        where no patch sticks out by `threshold` robust deviations.
        """
        with torch.inference_mode(False), self._at_work() as (model, pixels), torch.no_grad():
            return found_neurons(model.module, pixels, self._grid, count, threshold)

    def what_if(self, change: Intervention) -> Trace:
        """The trace of the same picture with something changed.

        Unsupported where it cannot be done, VitvizError for a picture traced together with others.
        """
        if self.retrace is None:
            raise VitvizError(
                "this picture was traced together with others; trace it alone to change something"
            )
        return self.retrace(self._model() or self._loaded_again(), change)

    def attribution(self, query: AttributionQuery) -> AttributionMap:
        """Which patches a target depends on, by one method.

        Unsupported where method or target do not fit the model.
        """
        with self._asked_why() as attributor:
            return self._why.map(attributor, query)

    def attribution_randomised(self, query: AttributionQuery, stages: int) -> AttributionMap:
        """The same with the head and the last `stages` - 1 blocks at random.

        Unsupported as for `attribution`.
        """
        with self._asked_why() as attributor:
            return self._why.map_randomised(attributor, query, stages)

    def target_reading(self, target: Target) -> TargetReading:
        """Where a target stands in the model's answers."""
        with self._asked_why() as attributor:
            return self._why.score(attributor, target).reading

    def ledger(self, target: Target) -> LogitLedger:
        """A target as the sum of what heads, MLPs and embedding gave to it; else Unsupported."""
        with self._asked_why() as attributor:
            return attributor.ledger(target)

    def head_importance(
        self, target: Target, replaced_by: Literal["zero", "mean"]
    ) -> HeadImportance:
        """How a target changes without each head. Unsupported without attention among patches."""
        with self._asked_why() as attributor:
            return attributor.heads(target, replaced_by)

    def hidden_answers(
        self, target: Target, hidden: Bool[np.ndarray, "pass patch"], fill: Fill
    ) -> HiddenAnswers:
        """What the model answers with patches hidden."""
        with self._asked_why() as attributor:
            score = self._why.score(attributor, target)
            return HiddenAnswers(attributor.hidden(score, hidden, fill), fill)

    @contextmanager
    def _asked_why(self) -> Iterator[Attributor]:
        with self._at_work(silent) as (model, pixels):
            yield Attributor(model, pixels, self._grid, watched())

    @contextmanager
    def _at_work(self, progress: Progress | None = None) -> Iterator[tuple[Model, Tensor]]:
        """The model, which nobody else runs meanwhile, and its input."""
        model = self._model() or self._loaded_again()
        reported = watched() if progress is None else progress
        with (
            model.lock,
            intervened(model.module, self._grid, self._change),
            _reported(model.module, reported),
        ):
            parameter = next(model.module.parameters())
            pixels = tensor_of(self._prepared, model.preprocess)
            try:
                yield model, pixels.to(parameter.device, parameter.dtype)
            except torch.OutOfMemoryError as error:
                raise VitvizError(
                    f"{self._info.called} has too little memory on {parameter.device} for another "
                    "pass; close other models or take a smaller input size"
                ) from error

    def _loaded_again(self) -> Model:
        assert self._reload is not None, "a model that cannot be loaded again is held"
        model = self._reload()
        if model.info.weights_hash != self._info.weights_hash:
            raise VitvizError(
                f"{self._info.called} is no longer the file that this trace was made with; "
                "open the picture with it again"
            )
        self._model = weakref.ref(model)
        _last_loaded[:] = [model]
        return model

    def _stacked(self, found: list[Tensor]) -> TokenFeatures:
        name, tokens = self._info.called, self._grid.tokens
        counts = list(dict.fromkeys(each.shape[0] for each in found))
        widths = list(dict.fromkeys(each.shape[1] for each in found))
        if counts != [tokens] or len(widths) != 1:
            raise Unsupported(
                f"the blocks of {name} have {_listed(counts)} tokens of {_listed(widths)} numbers, "
                f"not the {tokens} tokens of one grid throughout, so its layers cannot be compared "
                "token by token; take a model with one grid, such as a ViT"
            )
        stacked = np.stack([each.numpy() for each in found])
        stacked.setflags(write=False)
        return stacked


_last_loaded: list[Model] = []
"""The model that was loaded again last: the next question is likely to be about it too."""

_features: weakref.WeakKeyDictionary[TorchModelProbe, TokenFeatures] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def _remembered(source: TorchModelProbe) -> TokenFeatures | None:
    with _lock:
        kept = _features.pop(source, None)
        if kept is not None:
            _features[source] = kept  # the newest are last
        return kept


def _remember(source: TorchModelProbe, features: TokenFeatures) -> TokenFeatures:
    with _lock:
        _features[source] = features
        total = sum(each.nbytes for each in _features.values())
        for oldest in list(_features)[:-1]:
            if total <= BUDGET:
                break
            total -= _features.pop(oldest).nbytes
    return features


def _block_outputs(
    model: Model, layers: Sequence[str], grid: TokenGrid, pixels: Tensor
) -> tuple[list[Tensor], Any]:
    """What each block gives on, (token dim) on the CPU, in the order in which they ran, and what the
    model answers.
    """
    found: list[Tensor] = []
    order = in_reading_order(model)

    def keep(_module: nn.Module, _given: Any, output: Any) -> None:
        tokens = _tokens(output, grid, model.info.called)
        found.append(tokens if order is None else tokens[order])

    with ExitStack() as hooks:
        for block in _blocks(model, layers):
            hooks.callback(block.register_forward_hook(keep).remove)
        answer = model.module(pixels)
    return found, answer


_LISTS = nn.Sequential | nn.ModuleList


@contextmanager
def _reported(module: nn.Module, progress: Progress) -> Iterator[None]:
    """Each block of a pass reports, and may so be the last one."""
    lists = [each for each in module.modules() if isinstance(each, _LISTS)]
    blocks = list(max(lists, key=len, default=()))

    def report(number: int, *_: Any) -> None:
        progress(number + 1, len(blocks), "asking the model again")

    with ExitStack() as hooks:
        for number, block in enumerate(blocks):
            hooks.callback(block.register_forward_hook(partial(report, number)).remove)
        yield


def _blocks(model: Model, layers: Sequence[str]) -> list[nn.Module]:
    """The blocks that the recorded calls belong to, with their neighbours in the same list."""
    matches = [re.match(r"(.*?\bblocks)\.(\d+)\.", f"{name}.") for name in layers]
    lists = list(dict.fromkeys(match[1] for match in matches if match))
    if not lists and anatomy_of(model.module).blocks:
        lists = ["blocks"]  # calls over no patches, such as XCiT's between channels
    lists = lists or block_lists(model.module, layers)
    if not lists:
        raise Unsupported(
            f"{model.info.called} has no list of blocks whose outputs could be read; "
            "take a model with blocks, such as a ViT"
        )
    return [block for name in lists for block in model.module.get_submodule(name).children()]


def _usual(
    model: Model, layers: Sequence[str], beside: Sequence[tuple[Any, ...] | None]
) -> list[UsualBlock]:
    return [
        UsualBlock(block, more) for block, more in zip(_blocks(model, layers), beside, strict=True)
    ]


def _tokens(output: Any, grid: TokenGrid, name: str) -> Tensor:
    """A block's tokens, whatever it gives on beside them."""
    if isinstance(output, tuple):
        output = _among(output, grid)
    if isinstance(output, Tensor) and output.shape[:-1] == (1, grid.rows, grid.cols):
        output = rearrange(output, "1 row col dim -> 1 (row col) dim")
    if not isinstance(output, Tensor) or output.ndim != 3 or output.shape[0] != 1:
        kind = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise Unsupported(
            f"the blocks of {name} give {kind} and not one row of tokens, so its layers cannot be "
            "compared token by token"
        )
    # A copy: the next block may write into what it is given.
    return output[0].detach().to("cpu", torch.float32, copy=True)


def _among(outputs: tuple[Any, ...], grid: TokenGrid) -> Any:
    """Of several outputs the tokens: the last one that has as many, as in TNT's (words, sentences)."""
    tensors: list[Any] = [each for each in outputs if isinstance(each, Tensor)]
    fitting = [each for each in tensors if each.ndim == 3 and each.shape[1] == grid.tokens]
    return (fitting or tensors or [None])[-1]


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
