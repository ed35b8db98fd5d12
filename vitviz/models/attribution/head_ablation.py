"""How much each head matters to a target: its output replaced, one pass a head, many in a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from einops import rearrange, reduce
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

from vitviz.core.counted import layer_name
from vitviz.core.progress import Progress, Unsupported, silent
from vitviz.models.attribution.hidden_patches import TOGETHER
from vitviz.models.attribution.target_score import OnePicture, TargetScore
from vitviz.models.record import multihead
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.recorder import AttentionRecorder

ReplacedBy = Literal["zero", "mean"]


class HeadReplacer(AttentionRecorder):
    """Puts zeros, or the mean over a head's tokens, in place of one head of one module's attention.

    In a batch each picture has a head of its own replaced: picture `b` the head `heads[b]`.
    """

    def __init__(self, name: str, heads: Sequence[int], by: ReplacedBy) -> None:
        """`name` is the attention module's path; `heads` has one head for each picture of the batch."""
        super().__init__(1, False, silent)
        self.name, self.heads, self.by = name, list(heads), by
        self.replaced = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """What was called, with the head's part of it exchanged where it is that module's attention."""
        kwargs = kwargs or {}
        if func is multihead.FORWARD:
            return self._multihead(args, kwargs)
        result = func(*args, **kwargs)
        before = len(self.calls)
        if func is functional.scaled_dot_product_attention:
            self.calls.append(AttentionCall(self._name(), "fused"))
        else:
            self._look(func, args, kwargs, result)
        made = self.calls[before:]
        if made and made[-1].kind != "lost" and made[-1].name == self.name:
            self.replaced += 1
            return self._exchanged(result, made[-1].turned)
        return result

    def _exchanged(self, result: Tensor, turned: bool) -> Tensor:
        count = len(self.heads)
        if result.ndim != 4 or result.shape[0] % count:
            raise Unsupported(
                f"the heads of {self.name} lie in {tuple(result.shape)}, where one cannot be told from "
                "another picture's, so none is taken out"
            )
        apart = rearrange(
            result.clone(), "(picture window) head a b -> picture window head a b", picture=count
        )
        axis = -1 if turned else -2
        for picture, head in enumerate(self.heads):
            own = apart[picture, :, head]
            own.copy_(
                own.mean(dim=axis, keepdim=True) if self.by == "mean" else torch.zeros_like(own)
            )
        return rearrange(apart, "picture window head a b -> (picture window) head a b")


def ablated_heads(
    module: nn.Module,
    pixels: OnePicture,
    score: TargetScore,
    layers: Sequence[tuple[str, int]],
    by: ReplacedBy,
    *,
    progress: Progress = silent,
) -> Float32[np.ndarray, "layer head"]:
    """The target before minus after, for each head of each (module's name, heads); NaN beyond.

    Unsupported where heads cannot be told apart; `progress` may raise Cancelled.
    """
    found = np.full((len(layers), max(heads for _, heads in layers)), np.nan, np.float32)
    step = TOGETHER.get(pixels.device.type, 8)
    total, done = sum(heads for _, heads in layers), 0
    with torch.inference_mode(False), torch.no_grad():
        before = float(score.score(score.answers(module, pixels))[0])
        for layer, (name, heads) in enumerate(layers):
            for start in range(0, heads, step):
                few = range(start, min(start + step, heads))
                replacer = HeadReplacer(name, few, by)
                with replacer.watching(module):
                    answers = score.answers(module, pixels.expand(len(few), -1, -1, -1))
                _check_replaced(replacer)
                found[layer, few.start : few.stop] = (
                    before - score.score(answers).float().cpu().numpy()
                )
                done += len(few)
                progress(done, total, f"{layer_name(layer)}: taking out heads")
    return found


def _check_replaced(replacer: HeadReplacer) -> None:
    if not replacer.replaced:
        raise Unsupported(
            f"no attention of {replacer.name} was met in a pass of several pictures, so its heads "
            "could "
            "not be taken out"
        )


def first_order_heads(
    calls: Sequence[AttentionCall], layers: Sequence[tuple[str, int]], by: ReplacedBy
) -> Float32[np.ndarray, "layer head"]:
    """The same as one gradient foretells it: the sum of g (o - what is put in its place)."""
    found = np.full((len(layers), max(heads for _, heads in layers)), np.nan, np.float32)
    for at, (name, heads) in enumerate(layers):
        own = [each for each in calls if each.name == name and each.gradient is not None]
        total = torch.zeros(heads, dtype=torch.float64)
        for call in own:
            if call.output is None or call.gradient is None or call.gradient.ndim != 4:
                break
            output = call.output.mT if call.turned else call.output
            change = output - output.mean(dim=-2, keepdim=True) if by == "mean" else output
            product = call.gradient.double() * change.double()
            total += reduce(product, "window head query dim -> head", "sum").cpu()
        else:
            found[at, :heads] = total.numpy() if own else np.nan
    return found
