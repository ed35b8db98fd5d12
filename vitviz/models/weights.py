"""Weights put into a model, with a sentence for whatever did not match."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vitviz.core.progress import BadModel
from vitviz.models.checkpoints import State

LEAST = 0.9
"""The share of a model's weights a file must fill; with less it is another architecture's."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What came of loading: sentences on what did not match, and on what was resampled."""

    notes: tuple[str, ...] = ()
    resampled: tuple[str, ...] = ()


def fill(module: nn.Module, state: State, name: str) -> Filled:
    """Loads the tensors into the model; patch kernels and positions of other sizes are resampled.

    BadModel naming the file and the first keys or shapes when it is another architecture's.
    """
    own = dict(module.state_dict())
    stored, state = state, _converted(module, state, name)
    wrong = [key for key in state if key in own and state[key].shape != own[key].shape]
    missing = [key for key in own if key not in state]
    extra = [key for key in state if key not in own]
    usable = {key: value for key, value in state.items() if key in own and key not in wrong}
    share = sum(own[key].numel() for key in usable) / max(1, sum(x.numel() for x in own.values()))
    if share < LEAST or any(not _is_head(key) for key in wrong):
        raise BadModel(
            f"{name} does not fit {type(module).__name__}: {_first(own, state, wrong, missing, extra)}"
            "; name its architecture, or open a file of this one"
        )
    module.load_state_dict({key: value.to(own[key].dtype) for key, value in usable.items()}, False)
    notes = [_listed("not in the file, left untrained", missing)] if missing else []
    notes += [_listed("of another shape, left untrained", wrong)] if wrong else []
    notes += [_listed("in the file but not in the model, left out", extra)] if extra else []
    return Filled(tuple(notes), _resampled(stored, state))


def _resampled(stored: State, used: State) -> tuple[str, ...]:
    """Sentences on the patch kernel and the position embeddings where their size had to change."""
    notes = []
    for key, value in used.items():
        before = stored.get(key)
        if before is None or before.shape == value.shape or value.ndim != before.ndim:
            continue
        if value.ndim == 4:
            notes.append(
                f"the patch kernel is resampled from {before.shape[3]} × {before.shape[2]} to "
                f"{value.shape[3]} × {value.shape[2]} pixels, not trained at this size"
            )
        elif "pos" in key:
            notes.append(
                f"the position embeddings are resampled from {before.shape[1]} to "
                f"{value.shape[1]} tokens, not trained at this size"
            )
    return tuple(notes)


def _converted(module: nn.Module, state: State, name: str) -> State:
    """The tensors by this model's names and sizes, as timm's own loader for the family does it."""
    convert = getattr(sys.modules.get(type(module).__module__), "checkpoint_filter_fn", None)
    if convert is None:
        return state
    state = {key: value.float() if value.is_floating_point() else value
             for key, value in state.items()}  # fmt: skip
    try:
        converted: State = convert(state, module)
    except (KeyError, RuntimeError, AttributeError, AssertionError, ValueError) as error:
        words = (
            str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        )
        raise BadModel(
            f"{name} does not fit {type(module).__name__} ({words}); name its architecture"
        ) from error
    return {key: value for key, value in converted.items() if isinstance(value, Tensor)}


def _first(
    own: State, state: State, wrong: Sequence[str], missing: Sequence[str], extra: Sequence[str]
) -> str:
    if wrong:
        key = wrong[0]
        here, there = tuple(state[key].shape), tuple(own[key].shape)
        return f"{key} is {here} in the file and {there} in the model"
    return f"{_listed('missing', missing)}, {_listed('unknown', extra)}"


def _listed(what: str, keys: Sequence[str]) -> str:
    if not keys:
        return f"nothing {what}"
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return f"{what}: {', '.join(keys[:3])}{more}"


def _is_head(key: str) -> bool:
    return key.split(".")[0] in ("head", "head_dist", "fc", "classifier")


def parameters(module: nn.Module) -> int:
    """How many numbers a model has learned, or would learn."""
    return sum(parameter.numel() for parameter in module.parameters())


def as_dtype(module: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The model on a device, ready to be used."""
    return module.to(device=device, dtype=dtype).eval().requires_grad_(False)
