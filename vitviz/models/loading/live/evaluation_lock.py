"""A turn with somebody's own module: in evaluation mode meanwhile, and afterwards as it was."""

from __future__ import annotations

import threading
from types import TracebackType

import torch
from torch import nn


class EvaluationLock:
    """One pass at a time; every submodule's mode is set for the pass and put back after it.

    The flag itself is set: `eval()` may be overridden, and merge weights, say.
    """

    def __init__(self, module: nn.Module) -> None:
        """`module` is left as it is until a pass begins."""
        self._module = module
        self._lock = threading.RLock()
        self._depth = 0
        self._modes: list[tuple[nn.Module, bool]] = []

    def __enter__(self) -> None:
        """Waits for any other pass, then sets every submodule to evaluation."""
        self._lock.acquire()
        self._depth += 1
        if self._depth == 1:
            self._modes = [(each, each.training) for each in self._module.modules()]
            for each, _ in self._modes:
                each.training = False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Puts every submodule's mode back as it was, and lets the next pass begin."""
        self._depth -= 1
        if self._depth == 0:
            for each, mode in self._modes:
                each.training = mode
            self._modes = []
            # Weights that were cast without gradients would be taken for the user's own next pass.
            if torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"):
                torch.clear_autocast_cache()
        self._lock.release()
