"""LeGrad's gradients: each layer's own score with respect to that layer's attention alone.

Bousselham et al. 2024, arXiv:2404.03214, and its published code: the head reads the mean of a layer's
tokens where the model's head reads a class token, and pools them as ever where it pools.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from einops import reduce, repeat
from jaxtyping import Float
from torch import Tensor, nn

from vitviz.core.progress import Progress, Unsupported, silent
from vitviz.models.attribution.block_tokens import block_list, tokens_of
from vitviz.models.attribution.gradient_ready import differentiable, ready_for_gradients
from vitviz.models.attribution.output_gradients import GradientRecorder
from vitviz.models.attribution.target_score import AnswerRows, TargetScore
from vitviz.models.families import anatomy_of
from vitviz.models.record.attention_call import AttentionCall

BlockTokens = Float[Tensor, "1 token dim"]

EXACT = 1e-3
"""Largest difference of the head's answer to the last tokens from the model's own, over its largest."""


def layer_score_calls(
    module: nn.Module,
    pixels: Float[Tensor, "1 rgb row col"],
    score: TargetScore,
    *,
    called: str,
    progress: Progress = silent,
) -> tuple[list[AttentionCall], list[AttentionCall], float]:
    """(calls with the gradient of their own layer's score, pools of every layer, the target's value).

    Where the head pools by attention, LeGrad is the pool's own gradient on each layer's tokens: then
    these are the second list, and the first has no gradients. Unsupported where the head cannot be
    applied to the tokens of other layers.
    """
    module = differentiable(module, called)
    blocks = block_list(module, called)
    given: dict[int, Tensor] = {}

    def keep(number: int, _module: nn.Module, _given: Any, output: Any) -> None:
        given.setdefault(number, tokens_of(output))

    recorder = GradientRecorder(len(blocks), progress)
    with ExitStack() as undo:
        undo.enter_context(ready_for_gradients(module))
        for number, block in enumerate(blocks):
            undo.callback(block.register_forward_hook(partial(keep, number)).remove)
        leaf = pixels.detach().clone().requires_grad_()
        with recorder.watching(module):
            answers = score.answers(module, leaf)
        _check_reads(module, given, answers.detach(), score, called)
        value = float(score.score(answers.detach())[0])
        if anatomy_of(module).pool is not None:
            pools = _pool_calls(module, given, score, called)
            return _without_outputs(recorder.calls), pools, value
        with torch.enable_grad():
            for number in sorted(given):
                own = [call for call in recorder.calls if _inside(call, module, blocks[number])]
                _own_gradients(own, _layer_score(module, given[number], score))
                progress(number + 1, len(blocks), "scoring layers")
    return _without_outputs(recorder.calls), [], value


def _without_outputs(calls: list[AttentionCall]) -> list[AttentionCall]:
    for call in calls:
        call.output = None
    return calls


def _own_gradients(calls: Sequence[AttentionCall], value: Tensor) -> None:
    through = [call for call in calls if call.output is not None and call.output.requires_grad]
    outputs = [call.output for call in through if call.output is not None]
    if not outputs:
        return
    found = torch.autograd.grad(value, outputs, retain_graph=True, allow_unused=True)
    for call, output, grad in zip(through, outputs, found, strict=True):
        grad = torch.zeros_like(output) if grad is None else grad
        call.gradient = grad.mT if call.turned else grad


def _inside(call: AttentionCall, module: nn.Module, block: nn.Module) -> bool:
    return any(part is module.get_submodule(call.name) for part in block.modules())


def reads_class_token(module: nn.Module) -> bool:
    """Whether the head reads one token of its own, not a pool of them."""
    return anatomy_of(module).pooling == "token"


def _layer_score(module: Any, tokens: BlockTokens, score: TargetScore) -> Tensor:
    if reads_class_token(module):
        mean = reduce(tokens, "1 token dim -> 1 dim", "mean")
        read = 1 + anatomy_of(module).prefixes
        tokens = repeat(mean, "1 dim -> 1 read dim", read=read)
    return score.score(_head(module, tokens, score))[0]


def _head(module: Any, tokens: BlockTokens, score: TargetScore) -> AnswerRows:
    early = {"pre_logits": True} if score.reading.readout == "embedding" else {}
    found: Tensor = module.forward_head(module.norm(tokens), **early)
    return found


def _check_reads(
    module: Any, given: dict[int, Tensor], answers: Tensor, score: TargetScore, called: str
) -> None:
    """Unsupported unless norm and head alone make the model's own answer of the last tokens."""
    if not anatomy_of(module).reads_tokens or not given or score.reading.readout == "lens":
        raise Unsupported(
            f"LeGrad asks the head about every layer's tokens, and {called} has no norm and head that "
            "read tokens of this target; take relevance or Grad-CAM"
        )
    if len({tuple(each.shape) for each in given.values()}) > 1:
        raise Unsupported(
            f"the blocks of {called} have other tokens in each stage, which its head cannot read; take "
            "Grad-CAM or input x gradient instead of LeGrad"
        )
    with torch.no_grad():
        own = _head(module, given[max(given)].detach(), score)
    if own.shape != answers.shape or not float((own - answers).abs().max()) <= EXACT * float(
        answers.abs().max()
    ):
        raise Unsupported(
            f"norm and head alone do not give the answer of {called}, so LeGrad cannot ask its "
            "head about "
            "other layers' tokens; take relevance or Grad-CAM"
        )


def _pool_calls(
    module: nn.Module, given: dict[int, Tensor], score: TargetScore, called: str
) -> list[AttentionCall]:
    found = []
    for number in sorted(given):
        recorder = GradientRecorder(1, silent)
        with recorder.watching(module):
            leaf = given[number].detach().requires_grad_()
            value = score.score(_head(module, leaf, score))[0]
        if len(recorder.calls) != 1:
            raise Unsupported(
                f"the pool of {called} makes {len(recorder.calls)} attention calls, not one"
            )
        _own_gradients(recorder.calls, value)
        found += _without_outputs(recorder.calls)
    return found
