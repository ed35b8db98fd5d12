"""A module ready for a gradient: fixed weights, no compiled code, sound batch norms; put back after."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from vitviz.core.progress import Unsupported


@contextmanager
def ready_for_gradients(module: nn.Module) -> Iterator[None]:
    """Weights ask for no gradient of their own (so their inputs need not be held), what was compiled
    runs as it was written, and batch norms give the right gradient. Put back behind it.
    """
    asking = [each for each in module.parameters() if each.requires_grad]
    with ExitStack() as undo:
        undo.enter_context(torch.inference_mode(False))
        for parameter in asking:
            parameter.requires_grad_(False)
            undo.callback(parameter.requires_grad_)
        undo.enter_context(_eagerly())
        undo.enter_context(WholeBatchNorms())
        yield


class WholeBatchNorms(TorchFunctionMode):
    """Gives every batch norm's way back a gradient that lies in one piece.

    In evaluation torch's CPU gradient of it goes to other places where the gradient that comes back
    has the layout of a sequence (seen in torch 2.14 and 2.15); forward it is right.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """What was called; a batch norm's result with a hook on its gradient."""
        result = func(*args, **(kwargs or {}))
        if func in (functional.batch_norm, torch.batch_norm) and result.requires_grad:
            result.register_hook(_in_one_piece)
        return result


def _in_one_piece(gradient: Tensor) -> Tensor:
    return gradient.contiguous()


@contextmanager
def _eagerly() -> Iterator[None]:
    """What was compiled runs as it was written; nothing can be, where no compiler was imported."""
    stance = getattr(torch.compiler, "set_stance", None)
    if stance is None or "torch._dynamo" not in sys.modules:
        yield
        return
    with stance("force_eager"):
        yield


def differentiable(module: nn.Module, called: str) -> nn.Module:
    """The module that gradients flow through; a compiled one's own.

    Unsupported, in a sentence, for scripted and quantised modules and for inference tensors.
    """
    own: Any = getattr(module, "_orig_mod", module)
    if isinstance(own, torch.jit.ScriptModule):
        raise Unsupported(
            f"{called} is a scripted module, whose attention calls cannot be seen; load the network "
            "itself with its weights. Occlusion and RISE need no gradient"
        )
    tensors = [*own.parameters(), *own.buffers()]
    if any(each.is_inference() for each in tensors):
        raise Unsupported(
            f"{called} was made in inference mode, and no gradient flows through such tensors; load "
            "it outside of torch.inference_mode(). Occlusion and RISE need no gradient"
        )
    packed = any("quantized" in type(part).__module__ for part in own.modules())
    whole = any(not (each.is_floating_point() or each.is_complex()) for each in own.parameters())
    if packed or whole:
        raise Unsupported(
            f"{called} is quantised: its weights are whole numbers, through which no gradient flows; "
            "load it in fp32, fp16 or bf16. Occlusion and RISE need no gradient"
        )
    found: nn.Module = own
    return found
