"""A pass in which every attention is made and looked at, and then gives nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vitviz.core.progress import silent
from vitviz.models.record import functions, multihead
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.einsum import einsum_product
from vitviz.models.record.open_softmax import OpenSoftmax
from vitviz.models.record.recorder import AttentionRecorder

REMEMBERED = 4
"""Products before a softmax among which the one that made its scores is looked for."""


class FirstCallReached(Exception):
    """Ends a pass at its first attention: all that tokens read of a picture is in them by then."""


@dataclass(frozen=True, slots=True, eq=False)
class SilencedCall:
    """What one attention call was about to mix: (... key dim) values and (... query dim) queries, None
    where the scores were not made by a product that was seen; `shape` and `maps` as in `AttentionCall`.
    """

    name: str
    shape: tuple[int, ...]
    values: Tensor
    query: Tensor | None
    maps: Tensor | None = None

    def part(self, at: int, count: int) -> SilencedCall:
        """One of `count` pictures that went through together: they are outermost in every tensor."""
        if count == 1:
            return self
        shape = (self.shape[0] // count, *self.shape[1:])
        values, query, maps = (
            None if each is None else each.chunk(count)[at]
            for each in (self.values, self.query, self.maps)
        )
        assert values is not None
        return SilencedCall(self.name, shape, values, query, maps)


class SilencedRecorder(AttentionRecorder):
    """Attention gives zeros, so that what a token holds later is still of its own place alone.

    What mixes tokens all the same is something else: a convolution, or attention that is not seen.
    """

    def __init__(self, *, only_first: bool = False) -> None:
        """`only_first` stops the pass behind the first call that is seen."""
        super().__init__(1, True, silent)
        self.silenced: list[SilencedCall] = []
        self._only_first = only_first
        self._products: deque[tuple[Any, tuple[Any, ...], Tensor]] = deque(maxlen=REMEMBERED)
        self._asking: Tensor | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """As the recorder, but attention gives nothing."""
        before = len(self.calls)
        result = super().__torch_function__(func, types, args, kwargs)
        if torch.compiler.is_compiling() or func is multihead.FORWARD:
            return result
        made = [call for call in self.calls[before:] if call.kind != "lost"]
        if made:
            self._keep_silenced(made[-1])
            return _nothing(result)
        if func in functions.PRODUCTS or func in functions.ADDED_PRODUCTS:
            operands = args[1:] if func in functions.ADDED_PRODUCTS else args
            self._products.append((None, operands, result))
        elif func is torch.functional.einsum and isinstance(args[0], str):
            listed = len(args) == 2 and isinstance(args[1], list | tuple)
            self._products.append((args[0], tuple(args[1]) if listed else args[1:], result))
        return result

    def _weighed(
        self,
        call: AttentionCall,
        opened: OpenSoftmax | None,
        used: Tensor,
        values: Tensor,
        output: Tensor,
    ) -> None:
        self._asking = None if opened is None else self._queries_of(opened)
        super()._weighed(call, opened, used, values, output)

    def _queries_of(self, opened: OpenSoftmax) -> Tensor | None:
        """The queries of the product that last made scores of the softmax's shape."""
        for equation, operands, result in reversed(self._products):
            if result.shape != opened.whole.shape:
                continue
            if equation is None:
                left: Tensor = operands[0]
                return left
            inputs, _, out = equation.replace(" ", "").partition("->")
            sides = inputs.split(",")
            key = out[opened.axis] if len(out) == result.ndim else ""
            which = next((at for at, side in enumerate(sides) if key and key not in side), None)
            if which is None or len(operands) != 2:
                return None
            summed = [each for each in sides[which] if each not in out]
            axis = sides[which].index(summed[0]) if len(summed) == 1 else 0
            found = einsum_product(equation, operands, which, axis, result)
            return None if found is None else found[0]
        return None

    def _keep_silenced(self, call: AttentionCall) -> None:
        query = call.query if call.query is not None else self._asking
        self._asking = None
        if call.values is not None:
            found = SilencedCall(call.name, call.shape, call.values, query, call.maps)
            self.silenced.append(found)
        if self._only_first:
            raise FirstCallReached


def _nothing(result: Any) -> Any:
    if isinstance(result, tuple):
        return (torch.zeros_like(result[0]), *result[1:])
    return torch.zeros_like(result)


def silenced_pass(
    module: nn.Module, run: Callable[[Tensor], Any], pixels: Tensor, *, only_first: bool = False
) -> list[SilencedCall]:
    """The calls of one pass in which attention gives nothing, as far as the first where asked so."""
    recorder = SilencedRecorder(only_first=only_first)
    with recorder.watching(module), _ended_early():
        run(pixels)
    return recorder.silenced


@contextmanager
def _ended_early() -> Iterator[None]:
    try:
        yield
    except FirstCallReached:
        return
