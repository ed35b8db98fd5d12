"""torch's own multi-head attention, looked into: what runs inside it is seen like any other code."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import FunctionType
from typing import Any

from torch.nn import functional

FORWARD = functional.multi_head_attention_forward


@cache
def opened() -> FunctionType:
    """torch's function itself, that no longer hands itself as a whole to whoever watches.

    A function mode is shown `multi_head_attention_forward` as one call, and asked again from inside it.
    The same code with a check of its own that says no runs on into its products and its softmax, which
    are shown one by one. Nothing of torch is changed: this is another function with the same code.
    """
    own: Any = FORWARD
    names = {**own.__globals__, "has_torch_function": _never}
    found = FunctionType(own.__code__, names, own.__name__, own.__defaults__, own.__closure__)
    found.__kwdefaults__ = own.__kwdefaults__
    return found


def _never(tensors: Any) -> bool:
    return False


def heads_of(args: Sequence[Any], kwargs: dict[str, Any]) -> int:
    """`num_heads` as it was passed."""
    return int(kwargs["num_heads"] if "num_heads" in kwargs else args[4])
