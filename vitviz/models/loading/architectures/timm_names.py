"""Tensors turned into timm's own names and sizes, by timm's loader for the family."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from vitviz.core.progress import BadModel
from vitviz.models.families.anatomy import checkpoint_filter


def converted(module: nn.Module, state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors by this model's names and sizes, as timm's own loader for the family does it.

    BadModel, with timm's words, for tensors that do not fit.
    """
    convert = checkpoint_filter(module)
    if convert is None:
        return dict(state)
    state = {
        key: value.float() if value.is_floating_point() else value for key, value in state.items()
    }
    try:
        converted: dict[str, Tensor] = convert(state, module)
    except (KeyError, RuntimeError, AttributeError, AssertionError, ValueError) as error:
        words = (
            str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        )
        raise BadModel(
            f"{name} does not fit {type(module).__name__} ({words}); name its architecture"
        ) from error
    return {key: value for key, value in converted.items() if isinstance(value, Tensor)}
