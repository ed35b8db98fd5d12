"""open_clip_config.json beside weights, in transformers' words: its image tower and preparation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KIND = "open_clip"
"""What stands in place of a processor's class: its crop is torchvision's."""


def open_clips_tower(config: Mapping[str, Any]) -> dict[str, Any]:
    """The tower that sees: heads, activation, width and picture; {} for what is no such config."""
    model = config.get("model_cfg")
    vision = model.get("vision_cfg") if isinstance(model, Mapping) else None
    if not isinstance(model, Mapping) or not isinstance(vision, Mapping):
        return {}
    width, head = vision.get("width", 768), vision.get("head_width", 64)
    if not (isinstance(width, int) and isinstance(head, int) and 0 < head <= width):
        return {}
    return {
        "model_type": KIND,
        "hidden_size": width,
        "num_attention_heads": width // head,
        "hidden_act": "quick_gelu" if model.get("quick_gelu") else "gelu",
        "image_size": vision.get("image_size", 224),
    }


def open_clips(config: Mapping[str, Any]) -> dict[str, Any]:
    """The preparation as `image_processor` reads it; {} where the file says nothing of it.

    "shortest" and "squash" are open_clip's resizes of pictures to the square that a model reads; of
    others ("longest", padded) only mean and std are taken.
    """
    prepared, model = config.get("preprocess_cfg"), config.get("model_cfg")
    if not isinstance(prepared, Mapping) or not isinstance(model, Mapping):
        return {}
    vision = model.get("vision_cfg")
    size = vision.get("image_size", 224) if isinstance(vision, Mapping) else 224
    if not isinstance(size, int) or not 0 < size < 10_000:
        return {}
    found = {
        "image_processor_type": KIND,
        "image_mean": prepared.get("mean"),
        "image_std": prepared.get("std"),
        "resample": 2 if prepared.get("interpolation") == "bilinear" else 3,
    }
    match prepared.get("resize_mode", "shortest"):
        case "shortest":
            square = {"height": size, "width": size}
            return found | {
                "size": {"shortest_edge": size},
                "do_center_crop": True,
                "crop_size": square,
            }
        case "squash":
            return found | {"size": {"height": size, "width": size}}
    return found | {"size": {"longest_edge": size}}
