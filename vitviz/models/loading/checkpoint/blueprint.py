"""Which architecture a checkpoint file is: said, by its card, by its name, or read off the shapes."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import timm
import torch
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from vitviz.core.progress import BadModel
from vitviz.models.catalogue.catalogue import CatalogueEntry, catalogue
from vitviz.models.catalogue.shape_fingerprint import fingerprint
from vitviz.models.loading.checkpoint.checkpoint_files import StateDict
from vitviz.models.loading.checkpoint.class_names import card_labels, names_in
from vitviz.models.nets.tnt import TNT

CLASSES: dict[str, type[nn.Module]] = {
    "VisionTransformer": VisionTransformer,
    "VisionTransformerDistilled": VisionTransformerDistilled,
    "TNT": TNT,
}
"""Architectures that a card may name with constructor arguments; any timm name works besides."""

TIMM = "timm/"
"""Before a name: timm's own class, also where vitviz has a network of its own for the weights."""

_HEADS = {1280: 16, 1408: 16, 1664: 16}


@dataclass(frozen=True, slots=True)
class ModelBlueprint:
    """How to build a model: a class and its arguments, or a timm model of the `family` named.

    With "timm/" before it the family is timm's own class.
    """

    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)
    family: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    title: str = ""
    licence: str = ""
    trained: bool = True
    notes: tuple[str, ...] = ()

    @property
    def timm_name(self) -> str:
        """What timm calls the family."""
        return self.family.removeprefix(TIMM)

    @property
    def as_timm(self) -> bool:
        """Whether timm's own class was asked for."""
        return self.family.startswith(TIMM)


def build(plan: ModelBlueprint, name: str) -> nn.Module:
    """The model with random weights. BadModel when the class is not known or refuses its arguments."""
    if plan.kind not in CLASSES:
        raise BadModel(
            f"{name}: there is no architecture {plan.kind!r}; give a timm name or one of "
            f"{', '.join(CLASSES)}"
        )
    try:
        return CLASSES[plan.kind](**plan.arguments)
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise BadModel(f"{name}: {plan.kind} cannot be built so ({error})") from error


def empty(plan: ModelBlueprint, name: str) -> nn.Module:
    """The model on torch's "meta" device, where tensors have shapes, no bytes. BadModel as `build`."""
    with torch.device("meta"):
        if not plan.family:
            return build(plan, name)
        try:
            module: nn.Module = timm.create_model(
                plan.timm_name, pretrained=False, **plan.arguments
            )
        except Exception as error:  # timm's own kinds: an unknown name, arguments it does not take
            raise BadModel(
                f"{name} cannot be built as {plan.family} ({error}); choose another model"
            ) from error
    return module


def blueprint_of(path: Path, state: StateDict, architecture: str | None = None) -> ModelBlueprint:
    """What the file is. BadModel when nothing says it."""
    if architecture is not None:
        return _named(architecture, state, path.name)
    if (card := _card(path)) is not None:
        return _by_card(card, state, path.name)
    if name := _name_in(path):
        return _timm(name, state)
    return _by_shapes(state, path)


def described_by(path: Path) -> Literal["card", "name", "shapes"]:
    """What says which architecture a file is."""
    if _card(path) is not None:
        return "card"
    return "name" if _name_in(path) else "shapes"


def _card(path: Path) -> Path | None:
    """The card beside a file: its own, or a repository's config.json that names an architecture.

    A file of class names may have the checkpoint's name too: it is no card.
    """
    card = path.with_suffix(".json")
    if card.is_file() and (_names_architecture(card) or not names_in(card)):
        return card
    config = path.with_name("config.json")
    known = path.stem in ("model", "pytorch_model") and config.is_file()
    return config if known and _names_architecture(config) else None


def _names_architecture(file: Path) -> bool:
    with suppress(OSError, ValueError):
        return "architecture" in json.loads(file.read_text(encoding="utf-8"))
    return False


def _named(architecture: str, state: StateDict, name: str) -> ModelBlueprint:
    if architecture in CLASSES:
        guessed = _by_shapes(state, Path(name))
        return guessed if guessed.kind == architecture else ModelBlueprint(architecture)
    plain = architecture.removeprefix(TIMM)
    if not timm.is_model(plain.split(".")[0]):
        raise BadModel(
            f"{name}: there is no architecture {architecture!r} in timm {timm.__version__}"
        )
    plan = _timm(plain, state)
    if plain == architecture:
        return plan
    return replace(plan, family=TIMM + plan.family, title=architecture)


def _timm(name: str, state: StateDict) -> ModelBlueprint:
    """A timm model with as many classes as the file's head has."""
    stem = name.split(".")[0]
    known = name if name == stem or timm.models.is_model_pretrained(name) else stem
    config = timm.models.get_pretrained_cfg(known)
    classifier = getattr(config, "classifier", None) or "head"
    first = classifier if isinstance(classifier, str) else classifier[0]
    head = state.get(f"{first}.weight", state.get("head.weight"))
    classes = {"num_classes": 0 if head is None else head.shape[0]}
    return ModelBlueprint("", {**classes, **_sizes(known, config, state)}, family=known, title=name)


_SIZED = ("VisionTransformer", "VisionTransformerDistilled", "Eva")
"""Classes whose tables say for which picture a file was made."""


def _sizes(name: str, config: Any, state: StateDict) -> dict[str, Any]:
    """Patch and input size of the file, where they are not those that timm has for the model."""
    entry = next((e for e in catalogue().entries if e.name.startswith(name)), None)
    kernel, table = state.get("patch_embed.proj.weight"), state.get("pos_embed")
    if entry is None or entry.kind not in _SIZED or kernel is None or kernel.ndim != 4:
        return {}
    patch, found = int(kernel.shape[-1]), {}
    if entry.patch and patch != entry.patch:
        found["patch_size"] = patch
    if table is not None and table.ndim == 3:
        registers = state["reg_token"].shape[1] if "reg_token" in state else 0
        prefix = sum(key in state for key in ("cls_token", "dist_token")) + registers
        side = math.isqrt(_patches(table.shape[1], prefix, name)[0]) * patch
        if side != config.input_size[-1]:
            found["img_size"] = side
    return found


def _by_card(card: Path, state: StateDict, name: str) -> ModelBlueprint:
    try:
        found = json.loads(card.read_text(encoding="utf-8"))
        described = found["architecture"]
        config = {**found.get("pretrained_cfg", {}), **found}
        config = {key: config[key] for key in _CONFIG if config.get(key)}
        if isinstance(described, str):
            plan = _timm(described, state)
            kind, arguments, family = "", plan.arguments, plan.family
        else:
            kind, arguments, family = described["class"], described.get("arguments", {}), ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadModel(
            f"{card.name} does not describe {name} ({type(error).__name__}: {error}); it needs "
            '{"architecture": {"class": ..., "arguments": {...}}} or a timm name there'
        ) from error
    return ModelBlueprint(
        kind,
        arguments,
        family,
        config,
        card_labels(found),
        str(found.get("title", "")),
        str(found.get("licence", "")),
        bool(found.get("trained", True)),
    )


_CONFIG = ("input_size", "mean", "std", "interpolation", "crop_pct", "crop_mode")


def _name_in(path: Path) -> str:
    """The timm name that a file's name begins with; "" where it has none."""
    parts = path.name.split(".")[:-1]
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        if timm.models.is_model_pretrained(name) or (end == 1 and timm.is_model(name)):
            return name
    return ""


def candidates(path: Path, state: StateDict) -> tuple[CatalogueEntry, ...]:
    """timm's pretrained models of exactly these shapes, the likeliest first.

    google-research/vision_transformer, whose files are .npz, gives pictures from -1 to 1.
    """
    mark = fingerprint(state)
    kernel = state.get("patch_embed.proj.weight")
    side = int(kernel.shape[-1]) if kernel is not None and kernel.ndim == 4 else 0
    table = state.get("pos_embed")
    rows = int(table.shape[1]) if table is not None and table.ndim == 3 else 0
    head = state.get("head.weight")
    classes = int(head.shape[0]) if head is not None and head.ndim == 2 else 0

    google = path.suffix.lower() == ".npz"

    def unlike(entry: CatalogueEntry) -> tuple[bool, bool, bool, bool, int]:
        near = rows in (entry.tokens, entry.tokens - 1, 0)
        theirs = google and timm.models.get_pretrained_cfg(entry.name).mean != (0.5, 0.5, 0.5)
        return entry.patch != side, entry.classes != classes, not near, theirs, len(entry.name)

    return tuple(
        sorted((entry for entry in catalogue().entries if entry.shapes == mark), key=unlike)
    )


def _of_known_shapes(path: Path, state: StateDict) -> ModelBlueprint | None:
    """The likeliest of timm's models with these shapes, said with how many others there are."""
    found = candidates(path, state)
    if not found:
        return None
    plan = _timm(found[0].name, state)
    others = len(found) - 1
    also = f" ({others} more have the same shapes)" if others else ""
    note = (
        f"the architecture was read off the shapes: pictures are prepared as {found[0].name} has "
        f"them{also}; a JSON card beside the file can say otherwise"
    )
    return replace(plan, title="", notes=(note,))


def _by_shapes(state: StateDict, path: Path) -> ModelBlueprint:
    known, name = _of_known_shapes(path, state), path.name
    if known is not None:
        return known
    if "blocks.0.attn_in.qk.weight" in state:
        return _tnt(state, name)
    if "blocks.0.attn.qkv.weight" in state and "patch_embed.proj.weight" in state:
        return _vit(state, name)
    raise BadModel(
        f"{name}: neither its name nor its tensors ({', '.join(list(state)[:3])}, ...) say which "
        "architecture it is; name one"
    )


def _vit(state: StateDict, name: str) -> ModelBlueprint:
    kernel, fc1 = state["patch_embed.proj.weight"], state.get("blocks.0.mlp.fc1.weight")
    if kernel.ndim != 4 or fc1 is None:
        raise BadModel(f"{name}: its blocks are not a plain ViT's; name its architecture")
    dim, patch = kernel.shape[0], (int(kernel.shape[2]), int(kernel.shape[3]))
    registers = state["reg_token"].shape[1] if "reg_token" in state else 0
    prefix = sum(key in state for key in ("cls_token", "dist_token")) + registers
    table = state.get("pos_embed")
    patches, covers_prefix = _patches(table.shape[1] if table is not None else 196, prefix, name)
    side = math.isqrt(patches)
    pooled = "attn_pool.latent" in state
    average = "fc_norm.weight" in state or "cls_token" not in state
    arguments: dict[str, Any] = {
        "img_size": (side * patch[0], side * patch[1]),
        "patch_size": patch,
        "in_chans": int(kernel.shape[1]),
        "embed_dim": dim,
        "depth": _depth(state),
        "num_heads": _heads(state, dim),
        "mlp_ratio": fc1.shape[0] / dim,
        "num_classes": state["head.weight"].shape[0] if "head.weight" in state else 0,
        "qkv_bias": "blocks.0.attn.qkv.bias" in state,
    }
    kind = "VisionTransformerDistilled" if "dist_token" in state else "VisionTransformer"
    if kind == "VisionTransformer":
        arguments |= {
            "class_token": "cls_token" in state,
            "reg_tokens": registers,
            "no_embed_class": not covers_prefix and prefix > 0,
            "pos_embed": "learn" if table is not None else "none",
            "qk_norm": "blocks.0.attn.q_norm.weight" in state,
            "init_values": 1e-5 if "blocks.0.ls1.gamma" in state else None,
            "pre_norm": "norm_pre.weight" in state,
            "global_pool": "map" if pooled else "avg" if average else "token",
            "fc_norm": "fc_norm.weight" in state,
            "final_norm": "norm.weight" in state or "fc_norm.weight" in state,
        }
    return ModelBlueprint(kind, arguments, notes=(_guessed(arguments["num_heads"]),))


def _tnt(state: StateDict, name: str) -> ModelBlueprint:
    kernel, table = state["pixel_embed.proj.weight"], state["patch_pos"]
    legacy = "blocks.0.norm2_proj.weight" not in state
    inner, dim = kernel.shape[0], table.shape[2]
    words = state["blocks.0.proj.weight"].shape[1] // inner
    side = math.isqrt(table.shape[1] - 1)
    patch = 4 * math.isqrt(words)
    arguments = {
        "img_size": side * patch,
        "patch_size": patch,
        "in_chans": int(kernel.shape[1]),
        "embed_dim": dim,
        "inner_dim": inner,
        "depth": _depth(state),
        "num_heads_inner": 4,
        "num_heads_outer": _heads(state, dim),
        "first_stride": 4,
        "num_classes": state["head.weight"].shape[0] if "head.weight" in state else 0,
        "legacy": legacy,
        "kernel": int(kernel.shape[2]),
    }
    return ModelBlueprint("TNT", arguments, notes=(_guessed(arguments["num_heads_outer"]),))


def _patches(rows: int, prefix: int, name: str) -> tuple[int, bool]:
    """(patches of a square grid, whether the table has rows for the prefix tokens too)."""
    if prefix and math.isqrt(rows - prefix) ** 2 == rows - prefix:
        return rows - prefix, True
    if math.isqrt(rows) ** 2 == rows:
        return rows, False
    raise BadModel(
        f"{name}: {rows} position embeddings with {prefix} prefix tokens make no square grid; "
        "name its architecture"
    )


def _depth(state: StateDict) -> int:
    numbers = [int(match[1]) for key in state if (match := re.match(r"blocks\.(\d+)\.", key))]
    return max(numbers) + 1


def _heads(state: StateDict, dim: int) -> int:
    normed = state.get("blocks.0.attn.q_norm.weight")
    if normed is not None and dim % normed.numel() == 0:
        return dim // normed.numel()
    return _HEADS.get(dim, max(1, dim // 64))


def _guessed(heads: int) -> str:
    return (
        f"the architecture was read off the shapes: {heads} heads are a guess, and pictures are "
        "normalised as ImageNet's are; a JSON card beside the file can say otherwise"
    )
