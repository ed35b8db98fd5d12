"""What a model was trained on and how, in words, read off timm's tags."""

from __future__ import annotations

from functools import cache
from typing import Literal

TrainingFacts = Literal["", "labels", "self-supervised", "image and text"]
"""How the weights came to be at last: a model fine-tuned on labels has learned from labels."""

_DATA = {
    "in1k": "ImageNet-1k",
    "in12k": "ImageNet-12k",
    "in21k": "ImageNet-21k",
    "in22k": "ImageNet-22k",
    "inw21k": "ImageNet-21k (winter 2021)",
    "laion2b": "LAION-2B",
    "laion400m": "LAION-400M",
    "datacompxl": "DataComp-1B",
    "datacomp1b": "DataComp-1B",
    "dfn2b": "DFN-2B",
    "dfn5b": "DFN-5B",
    "dfndr2b": "DFNDR-2B",
    "webli": "WebLI",
    "openai": "OpenAI's 400 million pairs",
    "lvd142m": "LVD-142M",
    "lvd1689m": "LVD-1689M",
    "sat493m": "493 million satellite pictures",
    "sa1b": "SA-1B",
    "merged2b": "Merged-2B",
    "m30m": "Merged-30M",
    "m38m": "Merged-38M",
    "yfcc15m": "YFCC-15M",
    "400m": "MetaCLIP-400M",
    "2pt5b": "MetaCLIP-2.5B",
    "worldwide": "MetaCLIP worldwide",
    "bamboo": "Bamboo",
}
_METHODS = {
    "dino": "DINO",
    "mae": "MAE",
    "mim": "masked image modelling",
    "ijepa": "I-JEPA",
    "eupe": "EUPE",
    "augreg": "AugReg",
    "augreg2": "AugReg 2",
    "dist": "distilled",
    "orig": "original recipe",
    "sam": "SAM optimiser",
    "sbb": "Searching for Better Baselines",
    "sbb2": "Searching for Better Baselines 2",
    "i18n": "many languages",
}
_SELF = {"dino", "mae", "mim", "ijepa", "lvd142m", "lvd1689m", "sat493m"}
_PAIRS = {
    "openai",
    "laion2b",
    "laion400m",
    "datacompxl",
    "datacomp1b",
    "dfn2b",
    "dfn5b",
    "webli",
    "merged2b",
    "metaclip",
    "metaclip2",
    "yfcc15m",
    "mclip",
    "mclip2",
    "clip",
}
_LABELS = {"in1k", "in12k", "in21k", "in22k", "inw21k"}
_BEIT = ("beit_", "beitv2_")
_PAIRED = ("_clip_", "siglip", "_pe_core_", "aimv2", "beit3_", "_mci_")


@cache
def trained_on(tag: str) -> str:
    """Method and data in order: "AugReg, ImageNet-21k, then ImageNet-1k"; "" for an unknown tag."""
    return ", then ".join(filter(None, (_stage(part) for part in tag.split("_ft_"))))


@cache
def learning(architecture: str, tag: str) -> TrainingFacts:
    """How the weights were learned last; "" where neither tag nor name says it."""
    *before, last = tag.split("_ft_")
    words = set(last.split("_"))
    if not before:
        if words & _SELF:
            return "self-supervised"
        if words & _PAIRS or any(part in architecture for part in _PAIRED):
            return "image and text"
        if architecture.startswith(_BEIT) and not words & _LABELS:
            return "self-supervised"
    if words & _LABELS:
        return "labels"
    return ""


def _stage(part: str) -> str:
    words = part.split("_")
    named = [_METHODS[word] for word in words if word in _METHODS]
    data = [_DATA[word] for word in words if word in _DATA]
    return ", ".join([*named, ", then ".join(data)] if data else named)
