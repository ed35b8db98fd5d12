"""Low-rank adapters (LoRA) multiplied into the weights they belong to, or refused with the reason."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from einops import einsum
from torch import Tensor

from vitviz.core.progress import BadModel

_FACTOR = re.compile(
    r"(?P<stem>.+?)\.(?P<kind>lora_A|lora_B|lora_down|lora_up|lora_magnitude_vector|lora_embedding_[AB])"
    r"(?:\.(?P<adapter>(?!weight$)[^.]+))?(?:\.weight)?"
)
_SAVED = re.compile(
    r"(?P<stem>.+?)\.(?P<kind>modules_to_save|original_module)(?:\.(?P<adapter>[^.]+))?"
    r"\.(?P<leaf>weight|bias)"
)
_OTHER_KINDS = re.compile(
    r"(?:^|\.)(lora_\w+|ia3_\w+|hada_w\w+|lokr_\w+|oft_\w+|boft_\w+|vera_\w+|prompt_embeddings|adaption_\w+"
    r"|linear_[ab]_\w+)(?:\.|$)"
)
_INSTEAD = "merge it where it was trained (model.merge_and_unload()) and save that"


@dataclass(frozen=True, slots=True)
class MergedAdapters:
    """The tensors with adapters multiplied in; `note` says how many and by what, "" without any."""

    state: dict[str, Tensor]
    note: str = ""


def merged_adapters(
    state: Mapping[str, Tensor], settings: Mapping[str, Any], name: str
) -> MergedAdapters:
    """weight + B @ A × alpha / r for every adapter of the file (PEFT, loralib).

    `settings` are those of adapter_config.json beside the file, or of the training program inside it
    (lora_alpha, r, use_rslora, alpha_pattern, rank_pattern). BadModel where alpha is not there, for
    an adapter without its model, for several adapters and for kinds other than LoRA.
    """
    factors: dict[str, dict[str, Tensor]] = {}
    adapters: set[str] = set()
    plain: dict[str, Tensor] = {}
    for key, tensor in state.items():
        match = _FACTOR.fullmatch(key)
        if match is None:
            _refuse_other_kinds(key, name)
            plain[key] = tensor
            continue
        adapters.add(match["adapter"] or "")
        kind = {"lora_down": "lora_A", "lora_up": "lora_B"}.get(match["kind"], match["kind"])
        factors.setdefault(match["stem"], {})[kind] = tensor
    if not factors:
        return MergedAdapters(_renamed(plain, name))
    if len(adapters) > 1:
        raise BadModel(
            f"{name} holds {len(adapters)} adapters ({', '.join(sorted(adapters))}), and nothing says "
            f"which one is meant; {_INSTEAD}"
        )
    _refuse_alone(plain, factors, settings, name)
    plain = _renamed(plain, name)
    alphas = {key: plain.pop(key) for key in list(plain) if key.endswith(".alpha")}
    for stem, parts in factors.items():
        target = next((key for key in (f"{stem}.weight", stem) if key in plain), None)
        if target is None:
            raise BadModel(
                f"{name} has an adapter for {stem[:80]} and not the weight it belongs to; {_INSTEAD}"
            )
        scale = _scale(stem, parts, settings, alphas, name)
        plain[target] = _added(plain[target], parts, scale, stem, settings, name)
    rank = next(iter(factors.values()))["lora_A"].shape[0]
    return MergedAdapters(
        plain, f"{len(factors)} adapters (LoRA, rank {rank}) are merged into its weights"
    )


def _refuse_other_kinds(key: str, name: str) -> None:
    """BadModel for a tensor of an adapter that is none of LoRA's two factors."""
    if found := _OTHER_KINDS.search(key):
        raise BadModel(
            f"{name} has an adapter of a kind that is not merged here "
            f"({found[1]} in {key[:80]}); {_INSTEAD}"
        )


def _refuse_alone(
    plain: Mapping[str, Tensor],
    factors: Mapping[str, object],
    settings: Mapping[str, Any],
    name: str,
) -> None:
    """BadModel for an adapter that was saved without the model that it changes."""
    based = any(
        f"{stem}{ending}" in plain
        for stem in factors
        for ending in (".weight", ".base_layer.weight", "")
    )
    if based:
        return
    base = settings.get("base_model_name_or_path")
    of = f" for {str(base)[:80]}" if base else ""
    raise BadModel(
        f"{name} holds an adapter{of} alone (LoRA, {len(factors)} layers), not the model it changes; "
        f"{_INSTEAD}"
    )


def _renamed(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors without PEFT's own words: base_layer, and what it trained whole."""
    found = {key.replace(".base_layer.", "."): tensor for key, tensor in state.items()}
    trained: dict[str, Tensor] = {}
    for key in list(found):
        match = _SAVED.fullmatch(key)
        if match is None:
            continue
        tensor = found.pop(key)
        if match["kind"] == "modules_to_save":
            target = f"{match['stem']}.{match['leaf']}"
            if target in trained:
                raise BadModel(f"{name} holds several trained copies of {target[:80]}; {_INSTEAD}")
            trained[target] = tensor
        else:
            found.setdefault(f"{match['stem']}.{match['leaf']}", tensor)
    return found | trained


def _scale(
    stem: str,
    parts: Mapping[str, Tensor],
    settings: Mapping[str, Any],
    alphas: Mapping[str, Tensor],
    name: str,
) -> float:
    if set(parts) != {"lora_A", "lora_B"}:
        odd = next((kind for kind in parts if kind not in ("lora_A", "lora_B")), "")
        what = f"is of a kind that is not merged here ({odd})" if odd else "is not whole"
        raise BadModel(f"{name}: the adapter of {stem[:80]} {what}; {_INSTEAD}")
    rank = parts["lora_A"].shape[0] if parts["lora_A"].ndim else 0
    inside = alphas.get(f"{stem}.alpha")
    alpha = float(inside) if inside is not None and inside.numel() == 1 else _alpha(stem, settings)
    if alpha is None or rank < 1:
        raise BadModel(
            f"{name} has unmerged LoRA adapters and nothing that says their alpha, without which they "
            "cannot be merged exactly; put PEFT's adapter_config.json beside it, or "
            f"{_INSTEAD}"
        )
    said = _of_pattern(stem, settings.get("rank_pattern")) or settings.get("r")
    if isinstance(said, int) and not isinstance(said, bool) and said != rank:
        raise BadModel(
            f"{name}: the adapter of {stem[:80]} has the rank {rank} and "
            f"adapter_config.json says {said}; it belongs to another file"
        )
    return alpha / (math.sqrt(rank) if settings.get("use_rslora") else rank)


def _alpha(stem: str, settings: Mapping[str, Any]) -> float | None:
    found = _of_pattern(stem, settings.get("alpha_pattern")) or settings.get("lora_alpha")
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if math.isfinite(found) else None


def _of_pattern(stem: str, patterns: object) -> Any:
    """What PEFT's rank_pattern or alpha_pattern says for a layer: keys end the layer's name."""
    if not isinstance(patterns, dict):
        return None
    for pattern, value in patterns.items():
        plain = str(pattern).removeprefix("^").removesuffix("$").replace("\\.", ".")
        if not re.fullmatch(r"[\w.]+", plain):
            raise BadModel(
                f"adapter_config.json chooses layers by a pattern ({plain[:60]}), which is not "
                f"followed here; {_INSTEAD}"
            )
        if stem == plain or stem.endswith(f".{plain}"):
            return value
    return None


def _added(
    weight: Tensor,
    parts: Mapping[str, Tensor],
    scale: float,
    stem: str,
    settings: Mapping[str, Any],
    name: str,
) -> Tensor:
    down, up = parts["lora_A"].float(), parts["lora_B"].float()
    change: Tensor | None = None
    match (down.ndim, up.ndim):
        case (2, 2) if down.shape[0] == up.shape[1]:
            change = einsum(up, down, "out rank, rank into -> out into")
        case (4, 4) if down.shape[0] == up.shape[1] and tuple(up.shape[2:]) == (1, 1):
            change = einsum(up[..., 0, 0], down, "out rank, rank into row col -> out into row col")
    if change is not None and settings.get("fan_in_fan_out") and change.ndim == 2:
        change = change.T
    if change is None or change.shape != weight.shape:
        raise BadModel(
            f"{name}: the adapter of {stem[:80]} ({tuple(up.shape)} by {tuple(down.shape)}) does not "
            f"fit its weight {tuple(weight.shape)}; {_INSTEAD}"
        )
    return (weight.float() + change * scale).to(weight.dtype)
