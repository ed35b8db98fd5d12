"""vitviz's own arithmetic in float32, whatever precision the program around it has asked torch for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

_DEVICES = ("cpu", "cuda")


def autocast_type(device: str) -> str:
    """The number type into which torch.autocast turns this thread's products; "" without it."""
    kind = device.partition(":")[0]
    if kind not in _DEVICES or not torch.is_autocast_enabled(kind):
        return ""
    names = {torch.bfloat16: "bf16", torch.float16: "fp16"}
    found = torch.get_autocast_dtype(kind)
    return names.get(found, str(found).removeprefix("torch."))


@contextmanager
def exact_numbers() -> Iterator[None]:
    """Without torch.autocast: maps are evaluated and compared in float32, and come out as such."""
    casting = [each for each in _DEVICES if torch.is_autocast_enabled(each)]
    if not casting:
        yield
        return
    with ExitStack() as off:
        for each in casting:
            off.enter_context(torch.autocast(each, enabled=False))
        yield


@contextmanager
def evaluating() -> Iterator[None]:
    """The same, for what is looked at: nothing of it is differentiated."""
    with torch.inference_mode(), exact_numbers():
        yield
