"""The gradient of a target to every attention call's output, by one backward pass, kernels as they are.

With g = d target / d (attention @ v) the gradient of any entry of attention is g v^T, exactly: no map
and no gradient of one is ever held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vitviz.core.progress import Progress, Unsupported, silent
from vitviz.models.attribution.block_tokens import tokens_of
from vitviz.models.attribution.gradient_ready import differentiable, ready_for_gradients
from vitviz.models.attribution.target_score import TargetScore
from vitviz.models.families import anatomy_of
from vitviz.models.families.anatomy import block_anatomy
from vitviz.models.record.attention.kernel import KernelAnswer
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.recorder import AttentionRecorder

GRAPH_BUDGET = 1024**3
"""Bytes that a pass may hold for its way back before blocks are run twice instead."""

HELD_A_BLOCK = 16
"""About how many tensors of all tokens a block holds for the way back: norms, q, k, v, MLP."""


@dataclass(eq=False)
class GradientPass:
    """What one pass forward and back left: calls with their gradients, tokens and pixels with theirs.

    `tokens` are what each block's first norm gives (what a class activation map is made of), or what
    the block is given where it has no such norm; of the last block alone, or of the one that was asked
    for, where blocks ran twice to hold less. `output` is the gradient of what the last block gives on.
    Tensors have one picture.
    """

    value: float
    calls: list[AttentionCall]
    pixels: Float[Tensor, "1 rgb row col"]
    pixel_gradient: Float[Tensor, "1 rgb row col"]
    tokens: list[tuple[Tensor, Tensor] | None]
    output: Tensor | None
    recomputed: bool = False


class GradientRecorder(AttentionRecorder):
    """Watches a pass whose tensors remember how they were made."""

    def __init__(self, expected: int, progress: Progress) -> None:
        """`expected` attention calls; their values are kept. `progress` may raise Cancelled."""
        super().__init__(expected, True, progress)

    @contextmanager
    def watching(self, module: nn.Module) -> Iterator[None]:
        """Sees all that is done while the module runs, with gradients on."""
        with torch.inference_mode(False), torch.enable_grad(), self.following(module), self:
            yield

    def _look(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        # What is compared on the way is no part of the target.
        with torch.no_grad():
            super()._look(func, args, kwargs, result)

    def _look_at_fused(
        self, answered: KernelAnswer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        with torch.no_grad():
            super()._look_at_fused(answered, args, kwargs)

    def _output(self, result: Tensor) -> Tensor | None:
        return result

    def _done(self, call: AttentionCall) -> None:
        for name in ("query", "key", "values", "maps", "before", "bias", "log_sum_exp"):
            tensor = getattr(call, name)
            setattr(call, name, None if tensor is None else tensor.detach())
        super()._done(call)


def gradient_pass(
    module: nn.Module,
    pixels: Float[Tensor, "1 rgb row col"],
    score: TargetScore,
    *,
    called: str,
    recompute: bool | None = None,
    block: int | None = None,
    progress: Progress = silent,
) -> GradientPass:
    """One pass forward and one back. `recompute` runs each block a second time on the way back
    instead of holding what it made (None: where it would hold more than `GRAPH_BUDGET`); the tokens
    kept are then those of one `block`, the last unless told.

    Unsupported for modules through which no gradient flows; `progress` may raise Cancelled, which
    leaves the model as it was.
    """
    module = differentiable(module, called)
    blocks = anatomy_of(module).stage_blocks()
    recorder = GradientRecorder(max(1, len(blocks)), progress)
    with ExitStack() as undo:
        undo.enter_context(ready_for_gradients(module))
        again = _is_large(module, blocks, pixels) if recompute is None else recompute
        wanted = (len(blocks) - 1 if block is None else block) if again else None
        seen = _watch_blocks(blocks, undo, wanted)
        if again:
            _run_twice(blocks, undo)
        leaf = pixels.detach().clone().requires_grad_()
        with recorder.watching(module):
            target = score.score(score.answers(module, leaf.clone()))[0]
        return _backward(target, recorder.calls, leaf, seen, again)


@dataclass(eq=False)
class _SeenTokens:
    """What blocks were given (normalised) and what the last gave, by number, when each ran first."""

    given: dict[int, Tensor]
    outputs: dict[int, Tensor]


def _backward(
    target: Tensor, calls: list[AttentionCall], leaf: Tensor, seen: _SeenTokens, again: bool
) -> GradientPass:
    if not target.requires_grad:
        raise Unsupported(
            "the target does not depend on the picture by any way that has a gradient; "
            "occlusion and RISE need none"
        )
    through = [call for call in calls if call.output is not None and call.output.requires_grad]
    asked: list[Tensor] = [call.output for call in through if call.output is not None]
    given = list(seen.given.items())
    last = list(seen.outputs.values())
    tensors = [*asked, *(each for _, each in given), *last, leaf]
    found = torch.autograd.grad(target, tensors, allow_unused=True)
    grads = [
        torch.zeros_like(tensor) if grad is None else grad
        for tensor, grad in zip(tensors, found, strict=True)
    ]
    for call, grad in zip(through, grads, strict=False):
        call.gradient = grad.mT if call.turned else grad
    for call in calls:
        call.output = None if call.output is None else call.output.detach()
    count = 1 + max([*seen.given, *seen.outputs], default=-1)
    tokens: list[tuple[Tensor, Tensor] | None] = [None] * count
    for (number, tensor), grad in zip(given, grads[len(through) :], strict=False):
        tokens[number] = (tensor.detach(), grad)
    value, output = float(target.detach()), grads[-2] if last else None
    return GradientPass(value, calls, leaf.detach(), grads[-1], tokens, output, again)


def _watch_blocks(blocks: Sequence[nn.Module], undo: ExitStack, wanted: int | None) -> _SeenTokens:
    """Sees what blocks give on, the last of which is kept, and the tokens of all, or of one."""
    seen = _SeenTokens({}, {})

    def gave(number: int, _module: nn.Module, _given: Any, output: Any) -> None:
        if number > max(seen.outputs, default=-1):
            found: dict[int, Tensor] = {}
            _keep_tokens(found, number, output)
            seen.outputs = found or seen.outputs

    def normed(number: int, _module: nn.Module, _given: Any, output: Any) -> None:
        _keep_tokens(seen.given, number, output)

    def entered(number: int, _module: nn.Module, given: Any) -> None:
        _keep_tokens(seen.given, number, given[-1] if given else None)

    for number, block in enumerate(blocks):
        undo.callback(block.register_forward_hook(partial(gave, number)).remove)
        if wanted is not None and number != wanted:
            continue
        norm = block_anatomy(block).norm1
        if norm is None:
            undo.callback(block.register_forward_pre_hook(partial(entered, number)).remove)
        else:
            undo.callback(norm.register_forward_hook(partial(normed, number)).remove)
    return seen


def _keep_tokens(kept: dict[int, Tensor], number: int, output: Any) -> None:
    """The first tokens seen there: a block that is run again gives the same."""
    try:
        tokens = tokens_of(output)
    except Unsupported:
        return
    if tokens.requires_grad:
        original = output if isinstance(output, Tensor) else tokens
        kept.setdefault(number, original)


def _run_twice(blocks: Sequence[nn.Module], undo: ExitStack) -> None:
    """Blocks hold nothing for the way back but what they are given, and run again on it."""
    for block in blocks:
        original = block.forward
        had = vars(block).get("forward")
        block.forward = partial(_checkpointed, original)
        if had is None:
            undo.callback(vars(block).pop, "forward")
        else:
            undo.callback(setattr, block, "forward", had)


def _checkpointed(forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    from torch.utils.checkpoint import checkpoint  # it brings the compiler along

    return checkpoint(forward, *args, use_reentrant=False, preserve_rng_state=False, **kwargs)


def _is_large(module: nn.Module, blocks: Sequence[nn.Module], pixels: Tensor) -> bool:
    """Whether what the blocks would hold is more than the budget, by their norms' widths."""
    if not blocks:
        return False
    patch = anatomy_of(module).patch
    rows, cols = patch or (16, 16)
    tokens = pixels.shape[-2] // rows * (pixels.shape[-1] // cols)
    width = max(
        (p.shape[-1] for block in blocks[:1] for p in block.parameters() if p.ndim == 1), default=0
    )
    bytes_each = tokens * width * pixels.element_size()
    return HELD_A_BLOCK * bytes_each * len(blocks) > GRAPH_BUDGET
