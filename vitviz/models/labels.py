"""Names of classes: from a model's card, or ImageNet's where the number of classes says so."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from timm.data import ImageNetInfo, infer_imagenet_subset


def card_labels(card: Mapping[str, Any]) -> tuple[str, ...]:
    """The names in a card: `classes` as {"name": ...} or plain words."""
    classes = card.get("classes") or ()
    if not isinstance(classes, list | tuple):
        return ()
    return tuple(str(each["name"] if isinstance(each, dict) else each) for each in classes)


@cache
def imagenet_labels(classes: int) -> tuple[str, ...]:
    """ImageNet's names, the first word of each, for 1,000, 11,821, 21,841, ... classes; else ()."""
    subset = infer_imagenet_subset({"num_classes": classes})
    if subset is None:
        return ()
    names = ImageNetInfo(subset).label_descriptions()
    return tuple(str(name).split(",")[0] for name in names)
