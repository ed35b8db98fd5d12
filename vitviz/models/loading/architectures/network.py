"""How to build a network: a class of timm's with its arguments, or one of timm's by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import timm
from timm.layers import SwiGLUPacked, get_act_layer
from timm.models.beit import Beit
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva
from timm.models.swin_transformer import SwinTransformer
from timm.models.swin_transformer_v2 import SwinTransformerV2
from timm.models.vision_transformer import VisionTransformer
from timm.models.vision_transformer_sam import VisionTransformerSAM
from torch import Tensor, nn

from vitviz.core.data.evidence import Evidence
from vitviz.core.progress import BadModel
from vitviz.models.loading.architectures.shapes_only import shapes_only
from vitviz.models.nets.tnt import TNT

CLASSES: dict[str, type[nn.Module]] = {
    "VisionTransformer": VisionTransformer,
    "VisionTransformerDistilled": VisionTransformerDistilled,
    "Eva": Eva,
    "Beit": Beit,
    "SwinTransformer": SwinTransformer,
    "SwinTransformerV2": SwinTransformerV2,
    "VisionTransformerSAM": VisionTransformerSAM,
    "TNT": TNT,
}
"""Architectures that a card may name with constructor arguments; any timm name works besides."""

TIMM = "timm/"
"""Before a name: timm's own class, also where vitviz has a network of its own for the weights."""


@dataclass(frozen=True, slots=True)
class ModelBlueprint:
    """How to build a model: a class and its arguments, or a timm model of the `family` named.

    With "timm/" before it the family is timm's own class. Arguments are plain values: `norm_eps` is
    the epsilon of its normalisations, activations and MLPs go by name. `evidence` says how each fact
    is known; `others` are further architectures that it may be.
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
    evidence: tuple[Evidence, ...] = ()
    others: tuple[str, ...] = ()

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
        return CLASSES[plan.kind](**for_timm(plan.arguments))
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise BadModel(f"{name}: {plan.kind} cannot be built so ({error})") from error


def check_depth(plan: ModelBlueprint, state: Mapping[str, Tensor], name: str) -> None:
    """BadModel for more blocks than the file can have: a card may say any depth."""
    depth = plan.arguments.get("depth")
    if isinstance(depth, int) and depth > max(len(state), 100):
        raise BadModel(f"{name} has {len(state)} tensors, too few for {depth:,} blocks")


def check_room(module: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """BadModel where the model (on "meta") is far larger than its file: it is never built.

    A name may be that of any size, and a damaged shape may be of any width.
    """
    there = sum(tensor.numel() for tensor in state.values())
    whole = sum(parameter.numel() for parameter in module.parameters())
    if whole > 4 * there + 10**7:
        raise BadModel(
            f"{name} has {there:,} numbers and {type(module).__name__} {whole:,}: it is something "
            "else; name its architecture, or open the whole file"
        )


def for_timm(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values as timm's classes want them."""
    found = dict(arguments)
    if (eps := found.pop("norm_eps", None)) is not None:
        found["norm_layer"] = partial(nn.LayerNorm, eps=float(eps))
    if isinstance(act := found.get("act_layer"), str):
        found["act_layer"] = get_act_layer(act)
    if found.get("mlp_layer") == "swiglu_packed":
        found["mlp_layer"] = SwiGLUPacked
    return found


def empty(plan: ModelBlueprint, name: str) -> nn.Module:
    """The model on torch's "meta" device, where tensors have shapes, no bytes. BadModel as `build`."""
    with shapes_only():
        if not plan.family:
            return build(plan, name)
        try:
            module: nn.Module = timm.create_model(
                plan.timm_name, pretrained=False, **for_timm(plan.arguments)
            )
        except Exception as error:  # timm's own kinds: an unknown name, arguments it does not take
            raise BadModel(
                f"{name} cannot be built as {plan.family} ({error}); choose another model"
            ) from error
    return module
