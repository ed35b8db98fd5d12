"""A network that timm has no name for: built from its tensors, a config, and what is assumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vitviz.core.data.evidence import Certainty, Evidence
from vitviz.core.progress import BadModel
from vitviz.models.loading.architectures.by_tensors import Sources, Understood
from vitviz.models.loading.architectures.evidence import (
    Prepared,
    counted_heads,
    listed,
    mean_and_std_of,
)
from vitviz.models.loading.architectures.fitting import compared, is_after
from vitviz.models.loading.architectures.hf_config import picture_of, width_of
from vitviz.models.loading.architectures.index import index, needed_of
from vitviz.models.loading.architectures.marks import is_computed, is_head, is_on_path
from vitviz.models.loading.architectures.network import ModelBlueprint, empty
from vitviz.models.loading.architectures.structure import ShapesShown, Tensors, read
from vitviz.models.loading.libraries.layout import (
    ACTIVATIONS,
    IMAGENET,
    Layout,
    LibraryConfig,
    numbers_in,
)

CHANNELS = 64
"""Of a head, in most ViTs."""
_WIDER = {1280: 16, 1408: 16, 1664: 16}
"""Heads of the widths at which the well-known ViTs have others."""

_ACTS = frozenset({"VisionTransformer", "VisionTransformerDistilled", "SwinTransformerV2"})
"""Classes that take another activation than GELU."""

_CLASS_EPS = {"SwinTransformer": 1e-5, "SwinTransformerV2": 1e-5, "TNT": 1e-5}
"""timm's epsilon, where it is not 1e-6."""


def structured(file: Sources, kind: str, state: Tensors, layout: Layout | None) -> Understood:
    """The plan of a class whose dimensions are read from the shapes.

    BadModel where a tensor has no place in it, or it has a place without a tensor.
    """
    other = _of_another(file.config, state) if layout is not None else ""
    config = {} if other or layout is None else file.config
    size = file.said.input_size or picture_of(config)
    shown = read(kind, state, file.name, size)
    told = _Told(file, layout, config)
    arguments, evidence = dict(shown.arguments), [told.architecture(shown.kind)]
    if layout is not None:
        arguments |= layout.arguments(dict(state), config)
    for part, fact in (
        told.heads(shown, state),
        told.window(shown),
        told.norm(shown.kind),
        told.activation(shown.kind, arguments),
    ):
        arguments |= part
        evidence += [fact] if fact else []
    if shown.sizes_assumed:
        rows, cols = arguments["img_size"]
        evidence.append(
            Evidence(
                "input size",
                f"{cols} × {rows} pixels",
                "assumed",
                "other pictures make as many patches",
            )
        )
    prepared = told.prepared()
    evidence.append(mean_and_std_of(*prepared))
    arguments |= file.said.changes
    plan = ModelBlueprint(
        shown.kind,
        arguments,
        config={"mean": prepared[0][0], "std": prepared[0][1]},
        evidence=tuple(evidence),
        notes=(f"config.json says {other}: it is not followed",) if other else (),
    )
    _confirm(plan, state, file.name)
    return plan, dict(state)


def _of_another(config: LibraryConfig, state: Tensors) -> str:
    """What config.json says otherwise than the tensors, in words; "" where it is about this network."""
    kernel, inside = state.get("patch_embed.proj.weight"), state.get("blocks.0.mlp.fc1.weight")
    there: dict[str, int] = {}
    if kernel is not None:
        there["channels"] = int(kernel.shape[0])
    if depth := numbers_in(state, "blocks.*."):
        there["layers"] = depth
    if inside is not None and "mlp_ratio" not in config:
        there["channels in its MLPs"] = int(inside.shape[0])
    said = {
        "channels": width_of(config),
        "layers": config.get("num_hidden_layers"),
        "channels in its MLPs": config.get("intermediate_size"),
    }
    for what, number in there.items():
        told = said[what]
        if isinstance(told, int) and told != number:
            return f"{told} {what} and the file has {number}"
    return ""


def _confirm(plan: ModelBlueprint, state: Tensors, name: str) -> None:
    """BadModel that names the tensors, where the plan and the file are not of one network."""
    module = empty(plan, name)
    if compared(module, state, plan.arguments) is not None:
        return
    own, needed = module.state_dict(), needed_of(module)
    missing = [key for key in needed if key not in state and not is_after(key)]
    extra = [key for key in state if key not in own and not is_computed(key) and is_on_path(key)]
    wrong = [
        f"{key} ({_sizes(state[key])} in the file, {_sizes(value)} here)"
        for key, value in needed.items()
        if key in state and state[key].shape != value.shape and not is_head(key)
    ]
    said = [
        f"{what} {listed(keys)}"
        for what, keys in (
            ("missing", missing),
            ("of another shape", wrong),
            ("steering attention there", extra),
        )
        if keys
    ]
    raise BadModel(
        f"{name} looks like a {plan.kind}, but is none ({'; '.join(said)}); name its architecture"
    )


def _sizes(tensor: Any) -> str:
    return " × ".join(map(str, tensor.shape))


class _Told:
    """Who says a fact: somebody, config.json, the kind of network, or nobody."""

    def __init__(self, file: Sources, layout: Layout | None, config: LibraryConfig) -> None:
        self._file, self._layout, self._config = file, layout, config

    def architecture(self, kind: str) -> Evidence:
        """The class by its pattern of names."""
        if self._layout is None:
            return Evidence(
                "architecture", kind, "proven", "its dimensions are read from the shapes"
            )
        because = f"the names are {self._layout.title}'s, the dimensions are read from the shapes"
        return Evidence("architecture", kind, "proven", because)

    def heads(self, shown: ShapesShown, state: Tensors) -> tuple[dict[str, Any], Evidence | None]:
        """The heads, by whoever says them first."""
        key = "num_heads_outer" if shown.kind == "TNT" else "num_heads"
        if self._file.said.num_heads is not None:
            return {}, None  # it is said, and known by that
        if shown.heads:
            words = ", ".join(map(str, dict.fromkeys(shown.heads)))
            told = Evidence(
                "heads", counted_heads(words), "proven", "a tensor has one number a head"
            )
            return ({} if key in shown.arguments else {key: shown.heads[0]}), told
        heads = self._config.get("num_attention_heads")
        if heads is None and self._config:
            heads = 6 if self._config.get("model_type") == "dinov3_vit" else 12
        if isinstance(heads, int):
            if shown.dim % heads:
                raise BadModel(
                    f"config.json says {heads} heads, which {shown.dim} channels cannot be shared by"
                )
            because = "config.json beside the file says so"
            return {key: heads}, Evidence("heads", counted_heads(heads), "known", because)
        return self._unsaid_heads(key, shown, state)

    def _unsaid_heads(
        self, key: str, shown: ShapesShown, state: Tensors
    ) -> tuple[dict[str, Any], Evidence]:
        agreed = {each.fact("heads")[0] for each in index().like(state)}
        if len(agreed) == 1 and (words := agreed.pop()).isdigit():
            because = "every architecture of timm with these names and shapes has so"
            return {key: int(words)}, Evidence("heads", counted_heads(words), "proven", because)
        heads = _WIDER.get(shown.dim, max(1, shown.dim // CHANNELS))
        because = f"no tensor shows them; {shown.dim // heads} channels a head, as most ViTs have"
        return {key: heads}, Evidence("heads", counted_heads(heads), "assumed", because)

    def window(self, shown: ShapesShown) -> tuple[dict[str, Any], Evidence | None]:
        """The window, where the network has any."""
        if shown.kind not in ("SwinTransformer", "SwinTransformerV2", "VisionTransformerSAM"):
            return {}, None
        if self._file.said.window_size is not None:
            return {}, None
        if shown.window:
            words = ", ".join(map(str, dict.fromkeys(shown.window)))
            because = "the bias over its offsets has this size"
            return {}, Evidence("window", f"windows of {words} tokens", "proven", because)
        side = self._config.get("window_size")
        if isinstance(side, int):
            pretrained = self._config.get("pretrained_window_sizes")
            before = {"pretrained_window_sizes": tuple(pretrained)} if pretrained else {}
            picture = self._file.said.input_size or picture_of(self._config)
            more = {} if picture is None else {"img_size": picture}
            return {"window_size": side, **before, **more}, Evidence(
                "window",
                f"windows of {side} tokens",
                "known",
                "config.json beside the file says so",
            )
        because = "no tensor shows it: the bias over offsets is a network's"
        size = self._file.said.input_size or (256, 256)
        return {"window_size": 8, "img_size": size}, Evidence(
            "window", "windows of 8 tokens", "assumed", because
        )

    def norm(self, kind: str) -> tuple[dict[str, Any], Evidence | None]:
        """The epsilon of the normalisations."""
        if kind == "TNT":
            return {}, None
        eps, certainty, because = self._fact("layer_norm_eps", _CLASS_EPS.get(kind, 1e-6))
        return {"norm_eps": float(eps)}, Evidence(
            "norm eps", f"norm eps {eps:g}", certainty, because
        )

    def activation(
        self, kind: str, arguments: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Evidence | None]:
        """The activation of the MLPs."""
        if arguments.get("act_layer") == "silu" or arguments.get("swiglu_mlp"):
            return {}, Evidence("activation", "SiLU", "proven", "the MLPs are gated")
        act, certainty, because = self._fact("hidden_act", "gelu")
        name = ACTIVATIONS.get(str(act))
        if name is None or (name != "gelu" and kind not in _ACTS):
            raise BadModel(
                f"{self._file.name}: its activation is {act}, which timm's {kind} cannot have; open it "
                "with the library that made it"
            )
        more = {"act_layer": name} if kind in _ACTS and name != "gelu" else {}
        return more, Evidence("activation", str(act), certainty, because)

    def prepared(self) -> tuple[Prepared, Certainty, str]:
        """Mean and std."""
        if self._layout is None:
            return IMAGENET, "assumed", "no tensor shows it; ImageNet's are the most usual"
        if self._layout.prepared_always:
            return self._layout.prepared, "proven", f"as {self._layout.title} has it"
        return self._layout.prepared, "assumed", f"as most of {self._layout.title} have it"

    def _fact(self, key: str, usual: Any) -> tuple[Any, Certainty, str]:
        layout = self._layout
        if layout is not None and key in layout.fixed:
            return layout.fixed[key], "proven", f"every {layout.title} has so"
        if key in self._config:
            return self._config[key], "known", "config.json beside the file says so"
        if layout is not None and key in layout.usual:
            if self._config:  # what it does not say is as transformers has it
                return layout.usual[key], "known", "as config.json's kind has it"
            return layout.usual[key], "assumed", f"as most of {layout.title} have it"
        return usual, "assumed", "no tensor shows it; the usual one of this kind"
