"""Models of transformers from a folder of save_pretrained or the hub, with their own processor."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import transformers
from PIL import Image
from torch import Tensor

from vitviz.core.progress import BadModel
from vitviz.models.loading.architectures.marks import is_computed, is_on_path
from vitviz.models.loading.checkpoint.checkpoint_files import file_hash
from vitviz.models.loading.sources import SourcedModule
from vitviz.models.loading.sources.transformers_text import text_side


class TransformersModels:
    """Names are a folder's path, or owner/name on the hub; nothing in them is ever run as code."""

    def build(self, name: str, *, pretrained: bool, allow_download: bool) -> SourcedModule:
        """As `SourceLibrary`. BadModel for what transformers makes no model of."""
        folder = Path(name).expanduser()
        local = {"local_files_only": folder.is_dir() or not allow_download}
        where = str(folder) if folder.is_dir() else name
        config = _asked(transformers.AutoConfig.from_pretrained, where, name, **local)
        kind = _class_of(config)
        module = _trained(kind, where, name, local) if pretrained else kind(config)
        file = folder / "model.safetensors"
        classed = kind.__name__.endswith(("ForImageClassification", "WithTeacher"))
        labels = getattr(config, "id2label", None) or {}
        own = labels if classed and not _numbered(labels) else {}
        return SourcedModule(
            module,
            kind.__name__,
            _processor(where, local),
            _call_of(module),
            tuple(str(own[each]) for each in sorted(own)),
            classed,
            source=f"transformers: {folder.name if folder.is_dir() else name}",
            weights_hash=file_hash(file) if pretrained and file.exists() else "",
            text=text_side(module, where, local),
        )


def _asked(build: Any, where: str, name: str, **local: bool) -> Any:
    """What transformers makes of a folder or name; its own words where it makes nothing."""
    try:
        return build(where, **local)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        words = str(error).strip().splitlines()
        raise BadModel(
            f"transformers makes no model of {name} ({words[0][:140] if words else type(error)}); give "
            "a folder written by save_pretrained, or owner/name on the hub"
        ) from error


def _trained(kind: Any, where: str, name: str, local: dict[str, bool]) -> Any:
    """The model with its weights. BadModel where some would be random: its maps would be too."""
    build = partial(kind.from_pretrained, output_loading_info=True)
    bars: Any = transformers.utils.logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        module, loaded = _asked(build, where, name, **local)
    finally:
        if shown:
            bars.enable_progress_bar()
    missing = sorted(each for each in loaded["missing_keys"] if "pooler" not in each)
    if missing:
        raise BadModel(
            f"{len(missing)} tensors of {kind.__name__} are not in {name} and would be random "
            f"({', '.join(missing[:3])}); give the whole folder that save_pretrained wrote"
        )
    steering = sorted(
        each for each in loaded["unexpected_keys"] if is_on_path(each) and not is_computed(each)
    )
    if steering:
        raise BadModel(
            f"{name} has tensors that steer attention and that no {kind.__name__} has: "
            f"{', '.join(steering[:3])}; name its "
            "architecture, or give the module itself to vitviz.load"
        )
    return module


def _class_of(config: Any) -> Any:
    """The class that the weights were saved from; else the one for its kind of model."""
    for architecture in getattr(config, "architectures", None) or ():
        found = getattr(transformers, architecture, None)
        if found is not None:
            return found
    mapping = transformers.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
    if type(config) in mapping:
        return mapping[type(config)]
    if type(config) in transformers.MODEL_MAPPING:
        return transformers.MODEL_MAPPING[type(config)]
    raise BadModel(f"transformers has no model for {type(config).__name__} that reads pictures")


def _numbered(labels: dict[int, str]) -> bool:
    """Whether names of classes are only numbers: LABEL_0, LABEL_1."""
    return all(str(each).startswith("LABEL_") for each in labels.values())


def _call_of(module: Any) -> Any:
    """How it is called with pixels alone: the image side of a model that reads words too."""
    if hasattr(module, "get_image_features"):
        return _image_features
    return _pixel_values


def _image_features(module: Any, pixels: Tensor) -> Any:
    return module.get_image_features(pixel_values=pixels)


def _pixel_values(module: Any, pixels: Tensor) -> Any:
    return module(pixel_values=pixels)


def _processor(where: str, local: dict[str, bool]) -> Any:
    """The model's own preprocessing as a function of one picture; None where it has none."""
    build: Any = transformers.AutoImageProcessor
    try:
        processor = build.from_pretrained(where, **local)
    except (OSError, ValueError, KeyError):
        return None

    def prepared(image: Image.Image) -> Tensor:
        found: Tensor = processor(images=image, return_tensors="pt")["pixel_values"][0]
        return found

    return prepared


SOURCE = TransformersModels()
