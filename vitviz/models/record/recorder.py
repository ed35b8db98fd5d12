"""Every attention call of one forward pass, seen as it happens, with the model's own kernels.

A `TorchFunctionMode` sees each `F.scaled_dot_product_attention` and each softmax that is multiplied
with values; forward hooks say which module it belongs to.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from vitviz.core.progress import Progress, silent
from vitviz.models.record import functions, multihead
from vitviz.models.record.attention.kernel import KernelAnswer, attended
from vitviz.models.record.attention_call import AttentionCall as AttentionCall
from vitviz.models.record.attention_call import RecordedRow as RecordedRow
from vitviz.models.record.attention_call import versions
from vitviz.models.record.einsum import einsum_product
from vitviz.models.record.exact_numbers import exact_numbers
from vitviz.models.record.flex import flexed, is_flex
from vitviz.models.record.map_sizes import MAPPING, SeenMaps
from vitviz.models.record.open_softmax import OpenSoftmax, same
from vitviz.models.record.tensor_arena import KeepTensors, TensorArena, begins, keep_freed, kept_of
from vitviz.models.record.verify import (
    product_error,
    sampled_error,
    sum_error,
)

KEEP_VALUES = 1024
"""Most keys for which v is kept beside q and k when nobody said whether to."""


def record(
    module: nn.Module,
    pixels: Float[Tensor, "1 rgb row col"],
    *,
    expected: int = 1,
    values: bool | None = None,
    progress: Progress = silent,
    run: Callable[[Tensor], Any] | None = None,
) -> tuple[Any, list[AttentionCall]]:
    """What the model answers, with every attention call it made on the way.

    `run` is how the module is called with the pixels, where that is not simply with them.
    `progress` is called at each of the `expected` calls; what it raises ends the pass, and the
    model is left as it was. `values` says whether v is kept (None: while it is small). A model that
    writes into its own q or k after using them is run a second time, in which they are copied.
    """
    keep_freed()
    for copying in (False, True):
        recorder = AttentionRecorder(expected, values, progress, copying=copying)
        with recorder.watching(module):
            output = (run or module)(pixels)
        if not any(call.kind == "fused" and call.touched() for call in recorder.calls):
            break
    return output, recorder.calls


class AttentionRecorder(TorchFunctionMode):
    """Watches torch's functions in this thread while a model runs."""

    def __init__(
        self, expected: int, values: bool | None, progress: Progress, *, copying: bool = False
    ) -> None:
        """What to keep of each call: v with `values` (None: where keys are few), copies with `copying`.

        `expected` calls are what progress is counted by.
        """
        super().__init__()
        self._copying = copying
        self._owned: set[int] = set()
        self.calls: list[AttentionCall] = []
        self._expected, self._values, self._progress = expected, values, progress
        self._keep: KeepTensors = TensorArena()
        self._names: list[str] = []
        self._given: list[Any] = []
        self._open: list[OpenSoftmax] = []
        self._exponents: list[tuple[Tensor, Tensor | None]] = []
        """What was raised to a power of e last, and what it sums to: a softmax written by hand."""
        self._maps = SeenMaps()
        self._scaled: tuple[Tensor, Tensor, Tensor] | None = None
        """A softmax, what it was multiplied with element by element, and their product."""

    @contextmanager
    def watching(self, module: nn.Module) -> Iterator[None]:
        """Sees all that is done while the module runs."""
        # Not inference mode: there tensors do not count the writes into them (Call.touched).
        with torch.inference_mode(False), torch.no_grad(), self.following(module), self:
            yield

    @contextmanager
    def following(self, module: nn.Module) -> Iterator[None]:
        """Knows the innermost module at work. Leaves are not followed: they make no attention."""
        hooks = []
        try:
            for name, part in module.named_modules():
                for tensor in itertools.chain(part._parameters.values(), part._buffers.values()):
                    if tensor is not None:
                        self._owned.add(begins(tensor))
                if not part._modules or isinstance(part, nn.Sequential):
                    continue
                hooks.append(part.register_forward_pre_hook(self._entering(name)))
                hooks.append(part.register_forward_hook(self._leaving))
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _entering(self, name: str) -> Callable[[nn.Module, Any], None]:
        def enter(module: nn.Module, given: Any) -> None:
            self._names.append(name)
            self._given.append(given[0] if given else None)

        return enter

    def _leaving(self, module: nn.Module, given: Any, output: Any) -> None:
        depth = len(self._names)
        for each in self._open:
            if each.depth >= depth and each.missed:
                self._lost(each.maps)
        self._open = [each for each in self._open if each.depth < depth]
        self._scaled = None
        self._exponents = []
        self._names.pop()
        self._given.pop()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Runs what was called, and looks at it when it is part of an attention."""
        kwargs = kwargs or {}
        if torch.compiler.is_compiling():  # torch traces this function with what it compiles
            return func(*args, **kwargs)
        if func is multihead.FORWARD:
            return self._multihead(args, kwargs)
        if func is functional.scaled_dot_product_attention:
            answered = attended(*args, **kwargs)
            self._look_at_fused(answered, args, kwargs)
            return answered.output
        result = func(*args, **kwargs)
        self._look(func, args, kwargs, result)
        return result

    def _look_at_fused(
        self, answered: KernelAnswer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Keeps a fused attention."""
        self._fused(answered, *args, **kwargs)

    def _look(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Keeps what else was called, where it is part of an attention."""
        if func in functions.SOFTMAXES:
            self._softmax(args, kwargs, result)
        elif func in functions.EXPONENTS:
            self._exponents = [(result, None)]
        elif func is torch.functional.einsum and self._open:
            self._einsum(args, result)
        elif self._open and func in functions.SAME_NUMBERS:
            self._renamed(args, result)
        elif self._open and func in functions.PRODUCTS:
            self._product(args, result)
        elif self._open and func in functions.ADDED_PRODUCTS:
            self._added_product(args, kwargs, result)
        elif self._open and func in functions.SCALINGS:
            self._scaling(args, result)
        elif func in functions.SUMS and (self._scaled or self._exponents):
            self._sum(args, kwargs, result)
        elif self._exponents and func in functions.QUOTIENTS:
            self._quotient(args, result)
        elif is_flex(func):
            self._flex(args, kwargs, result)
        if func in MAPPING:
            self._maps.see(func, args, kwargs, result)

    def _multihead(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """torch's own multi-head attention, watched from inside."""
        before = len(self.calls)
        with self:
            result = multihead.opened()(*args, **kwargs)
        for call in self.calls[before:]:
            _heads_apart(call, multihead.heads_of(args, kwargs))
        return result

    def _fused(
        self,
        answered: KernelAnswer,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        *,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> None:
        if enable_gqa and key.shape[-3] != query.shape[-3]:
            groups = query.shape[-3] // key.shape[-3]
            key = key.repeat_interleave(groups, dim=-3)
            value = value.repeat_interleave(groups, dim=-3)
        if key.shape[:-2] != query.shape[:-2]:  # one key for all heads (multi-query attention)
            key = key.expand(*query.shape[:-2], *key.shape[-2:])
            value = value.expand(*query.shape[:-2], *value.shape[-2:])
        if query.dtype == torch.float32 != answered.output.dtype:  # cast by torch.autocast inside
            query, key, value = (each.to(answered.output.dtype) for each in (query, key, value))
        call = AttentionCall(
            self._name(),
            "fused",
            made=answered.output.dtype,
            bias=attn_mask,
            causal=is_causal,
            output=self._output(answered.output),
            scale=float(query.shape[-1] ** -0.5 if scale is None else scale),
        )
        # Of many small sequences (windows, sentences) nothing asks for v.
        alone = math.prod(key.shape[:-3]) == 1
        wanted = self._values or (self._values is None and alone and key.shape[-2] <= KEEP_VALUES)
        call.query, call.key, *rest = kept_of(
            (query, key, value) if wanted else (query, key),
            self._keep,
            self._owned,
            always=self._copying,
        )
        call.values = rest[0] if rest else None
        with exact_numbers():
            call.error = sampled_error(
                call.query, call.key, value, attn_mask, call.scale, is_causal, answered.output
            )
        call.log_sum_exp = answered.log_sum_exp
        self._done(call)

    def _flex(self, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        query, key, value, bias, scale, maps = flexed(*args, **kwargs)
        output = result[0] if isinstance(result, tuple) else result
        if maps is None:
            self._fused(KernelAnswer(output), query, key, value, bias, scale=scale)
            return
        self._weighed(AttentionCall(self._name(), "eager", maps=maps), None, maps, value, output)

    def _softmax(self, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if not isinstance(result, Tensor) or dim is None or result.ndim < 2:
            return
        if result.ndim == 2 and 1 in result.shape:  # an answer's shares, not attention
            return
        axis = dim % result.ndim
        depth = len(self._names)
        if axis == result.ndim - 1:
            self._open.append(OpenSoftmax(depth, result, result, axis, result))
        elif result.ndim >= 4 and axis == result.ndim - 2:  # over tokens, for each channel
            self._open.append(OpenSoftmax(depth, result.mT, result, axis, result))
        elif result.ndim >= 3:
            self._open.append(OpenSoftmax(depth, result, result, axis, result, elsewhere=True))

    def _renamed(self, args: tuple[Any, ...], result: Any) -> None:
        """A softmax in another number type or place in memory is still what meets the values."""
        for each in tuple(self._open):
            alike = args and same(args[0], each.whole) and isinstance(result, Tensor)
            if alike and result.shape == each.whole.shape and result is not each.whole:
                last = each.axis == result.ndim - 1 or each.elsewhere
                maps = result if last else result.mT
                self._open.append(replace(each, maps=maps, whole=result))

    def _product(self, args: tuple[Any, ...], result: Any) -> None:
        left, right = args[:2]
        ready = [each for each in reversed(self._open) if not each.elsewhere]
        for opened in ready:
            maps = opened.maps
            turned = same(right, maps.mT) and not same(left, maps)
            if same(left, maps) or turned:
                used, values, output = (
                    (right.mT, left.mT, result.mT) if turned else (left, right, result)
                )
                call = AttentionCall(self._name(), "eager", maps=maps, turned=turned)
                call.output = self._output(result)
                self._weighed(call, opened, used, values, output)
                return
        for opened in ready:
            maps = opened.maps
            if left.shape == maps.shape and opened.depth == len(self._names) and left.ndim > 2:
                call = AttentionCall(self._name(), "altered", maps=left, before=maps)
                call.output = self._output(result)
                self._weighed(call, opened, left, right, result)
                return

    def _einsum(self, args: tuple[Any, ...], result: Tensor) -> None:
        """A product written with letters for its axes, wherever the keys are among them."""
        operands = args[1] if len(args) == 2 and isinstance(args[1], list | tuple) else args[1:]
        if not isinstance(args[0], str):
            return
        for opened in self._open:
            which = next((at for at, each in enumerate(operands) if same(each, opened.whole)), None)
            found = which is not None and einsum_product(
                args[0], operands, which, opened.axis, result
            )
            if found:
                maps, values, output = found
                call = AttentionCall(self._name(), "eager", maps=maps)
                in_place = output.shape == result.shape and output.stride() == result.stride()
                call.output = self._output(result) if in_place else None
                self._weighed(call, opened, maps, values, output)
                return

    def _added_product(self, args: tuple[Any, ...], kwargs: dict[str, Any], result: Tensor) -> None:
        """A batched product that was added to something: without that, times nothing."""
        own = result - kwargs.get("beta", 1) * args[0]
        self._product(args[1:], own / kwargs.get("alpha", 1))

    def _weighed(
        self,
        call: AttentionCall,
        opened: OpenSoftmax | None,
        used: Tensor,
        values: Tensor,
        output: Tensor,
    ) -> None:
        """A product that the model made itself, compared; its softmax has met its values."""
        if opened is not None:
            self._open = [each for each in self._open if each.origin is not opened.origin]
        call.values = values if self._values else None
        with exact_numbers():
            call.error = product_error(used, values, output)
        call.made = output.dtype
        call.row_error = (used.float().sum(-1) - 1).abs().max()
        if call.maps is not None and call.maps.ndim == 2:  # one head, no picture: both are axes
            call.maps = call.maps[None]
            call.values = None if call.values is None else call.values[None]
        self._done(call)

    def _scaling(self, args: tuple[Any, ...], result: Tensor) -> None:
        """Shares that weigh values one by one, as in attention of linear cost: a sum may follow."""
        for each in self._open:
            for shares, values in (args[:2], args[1::-1]):
                if isinstance(values, Tensor) and not each.elsewhere and same(shares, each.maps):
                    self._scaled = each.maps, values, result

    def _quotient(self, args: tuple[Any, ...], result: Tensor) -> None:
        """exp(x) / sum(exp(x)) is a softmax."""
        (raised, total), divisor = self._exponents[0], args[1]
        if total is not None and args[0] is raised and same(divisor, total):
            self._exponents = []
            self._softmax((result, -1), {}, result)

    def _sum(self, args: tuple[Any, ...], kwargs: dict[str, Any], result: Tensor) -> None:
        dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if self._exponents and args[0] is (raised := self._exponents[0][0]):
            if dim in (-1, raised.ndim - 1, (-1,)):
                self._exponents = [(raised, result)]
            return
        if self._scaled is None:
            return
        maps, values, product = self._scaled
        if args[0] is not product or dim not in (-1, maps.ndim - 1):
            return
        self._scaled = None
        self._open = [each for each in self._open if each.maps is not maps]
        call = AttentionCall(self._name(), "eager", maps=maps)
        kept = kwargs.get("keepdim", args[2] if len(args) > 2 else False)
        with exact_numbers():
            call.error = sum_error(maps, values, result if kept else result[..., None])
        call.made = result.dtype
        call.row_error = (maps.float().sum(-1) - 1).abs().max()
        self._done(call)

    def _output(self, result: Tensor) -> Tensor | None:
        """What of a call's result is kept: nothing, where no gradient is asked for."""
        return None

    def _lost(self, maps: Tensor) -> None:
        self.calls.append(
            AttentionCall(self._name(), "lost", reason=f"softmax of shape {tuple(maps.shape)}")
        )

    def _name(self) -> str:
        return self._names[-1] if self._names else ""

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of what each module at work was given; () where that is no tensor."""
        return {
            name: tuple(first.shape) if isinstance(first, Tensor) else ()
            for name, first in zip(self._names, self._given, strict=True)
        }

    def _done(self, call: AttentionCall) -> None:
        call.versions = versions(call.held)
        call.given, call.maps_made = self._shapes(), self._maps.sizes
        self.calls.append(call)
        done = sum(each.kind != "lost" for each in self.calls)
        total = max(self._expected, done)
        self._progress(done, total, f"layer {done} of {total}")


def _heads_apart(call: AttentionCall, heads: int) -> None:
    """Sequences and heads, which torch merges in one axis where it is asked for weights, as two."""
    if call.maps is None or call.maps.ndim != 3 or len(call.maps) % heads:
        return
    pattern = "(group head) query key -> group head query key"
    call.maps = rearrange(call.maps, pattern, head=heads)
    if call.values is not None:
        call.values = rearrange(call.values, pattern, head=heads)
    call.versions = versions(call.held)
