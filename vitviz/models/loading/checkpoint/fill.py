"""Weights put into a model, with a sentence for whatever did not match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from vitviz.core.progress import BadModel
from vitviz.models.families import anatomy_of
from vitviz.models.loading.architectures.fitting import is_after
from vitviz.models.loading.architectures.marks import is_computed, is_head, is_on_path
from vitviz.models.loading.architectures.timm_names import converted
from vitviz.models.loading.checkpoint.checkpoint_files import StateDict


@dataclass(frozen=True, slots=True)
class FilledWeights:
    """What came of loading: sentences on what did not match, and on what was resampled."""

    notes: tuple[str, ...] = ()
    resampled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WeightMatch:
    """A file's tensors beside a model's: what fits, and the names of what does not.

    `share` of the model's numbers are in the file.
    """

    usable: StateDict
    missing: tuple[str, ...]
    wrong: tuple[str, ...]
    extra: tuple[str, ...]
    share: float

    @property
    def whole(self) -> bool:
        """Whether every weight of the model is in the file."""
        return not self.missing and not self.wrong

    @property
    def fits(self) -> bool:
        """Whether it is this architecture's: every weight on the way of an attention is in the file.

        A head of other classes is no objection, nor is what comes after the last attention.
        """
        known = all(is_after(key) for key in self.missing) and all(map(is_head, self.wrong))
        return known and not any(map(is_on_path, self.extra))


def match(module: nn.Module, state: StateDict) -> WeightMatch:
    """Compares names and shapes; nothing is loaded. The module may be on torch's "meta" device."""
    own = dict(module.state_dict())
    learned = {key for key, _ in module.named_parameters()}
    wrong = tuple(key for key in state if key in own and state[key].shape != own[key].shape)
    # Tables that a module computes for itself (indices, masks) may be left out of a file.
    needed = [key for key in own if key in learned or "running_" in key]
    usable = {key: value for key, value in state.items() if key in own and key not in wrong}
    total = sum(own[key].numel() for key in needed)
    return WeightMatch(
        usable,
        tuple(key for key in needed if key not in state),
        tuple(key for key in wrong if key in needed),
        tuple(key for key in state if key not in own and not is_computed(key)),
        sum(own[key].numel() for key in usable if key in needed) / max(1, total),
    )


def fill(module: nn.Module, state: StateDict, name: str) -> FilledWeights:
    """Loads the tensors into the model; patch kernels and positions of other sizes are resampled.

    BadModel naming the file and the first keys or shapes when it is another architecture's.
    """
    stored, state = state, converted(module, state, name)
    found = match(module, state)
    if not found.fits:
        raise BadModel(
            f"{name} does not fit {type(module).__name__}: "
            f"{_first(dict(module.state_dict()), state, found)}"
            "; name its architecture, or open a file of this one"
        )
    own = module.state_dict()
    _refuse_other_numbers(own, found.usable, name)
    module.load_state_dict(
        {key: value.to(own[key].dtype) for key, value in found.usable.items()}, False
    )
    notes = [listed("not in the file, left untrained", found.missing)] if found.missing else []
    notes += [listed("of another shape, left untrained", found.wrong)] if found.wrong else []
    classifier = _classifier_left_out(module, state, found.extra)
    rest = tuple(each for each in found.extra if each not in classifier)
    notes += [_classifier_note(classifier, state)] if classifier else []
    notes += [listed("in the file but not in the model, left out", rest)] if rest else []
    return FilledWeights(tuple(notes), _resampled(stored, state))


def _classifier_left_out(
    module: nn.Module, state: StateDict, extra: Sequence[str]
) -> tuple[str, ...]:
    """The tensors of a linear classifier that stands outside the network and reads what it gives."""
    width = anatomy_of(module).dim
    for key in extra:
        if key.endswith("weight") and state[key].ndim == 2 and state[key].shape[1] == width > 0:
            bias = f"{key.removesuffix('weight')}bias"
            return (key, bias) if bias in extra else (key,)
    return ()


def _classifier_note(keys: Sequence[str], state: StateDict) -> str:
    classes, width = state[keys[0]].shape
    return (
        f"{' and '.join(keys)} make {classes} classes of the network's {width} numbers and are left "
        "out: nothing says which token they read, so there are features and no predictions"
    )


def _refuse_other_numbers(own: StateDict, state: StateDict, name: str) -> None:
    """BadModel where whole numbers would be taken for weights, or weights are no numbers any more."""
    for key, value in state.items():
        if not own[key].is_floating_point():
            continue
        if not value.is_floating_point():
            raise BadModel(
                f"{name}: {key} holds {str(value.dtype).removeprefix('torch.')} where the model has "
                "floating-point numbers; save it dequantised"
            )
        if not torch.isfinite(value).all() and "mask" not in key:
            raise BadModel(
                f"{name}: {key} holds numbers that are not finite (a training that diverged, or "
                "fp16 that overflowed); open an earlier checkpoint"
            )


def _resampled(stored: StateDict, used: StateDict) -> tuple[str, ...]:
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


def _first(own: StateDict, state: StateDict, found: WeightMatch) -> str:
    if found.wrong:
        key = found.wrong[0]
        here, there = tuple(state[key].shape), tuple(own[key].shape)
        return f"{key} is {here} in the file and {there} in the model"
    return f"{listed('missing', found.missing)}, {listed('unknown', found.extra)}"


def listed(what: str, keys: Sequence[str]) -> str:
    """The first few names with how many more there are."""
    if not keys:
        return f"nothing {what}"
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return f"{what}: {', '.join(keys[:3])}{more}"


def parameters(module: nn.Module) -> int:
    """How many numbers a model has learned, or would learn."""
    return sum(parameter.numel() for parameter in module.parameters())


def as_dtype(module: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The model on a device, ready to be used."""
    return module.to(device=device, dtype=dtype).eval().requires_grad_(False)
