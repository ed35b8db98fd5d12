"""A model that timm has by name, or that a repository of the model hub describes for timm."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import timm
import torch
from huggingface_hub.errors import EntryNotFoundError
from timm.data import resolve_model_data_config
from torch import nn

from vitviz.core.progress import BadModel, Progress
from vitviz.models.families import anatomy_of
from vitviz.models.loading.architectures.network import for_timm
from vitviz.models.loading.built_model import (
    BuiltModel,
    WantedModel,
    named_evidence,
    resized_note,
)
from vitviz.models.loading.bundled import bundled
from vitviz.models.loading.checkpoint.checkpoint_files import read_state
from vitviz.models.loading.checkpoint.class_names import (
    card_labels,
    imagenet_labels,
)
from vitviz.models.loading.hub.download import fetch, not_allowed
from vitviz.models.loading.hub.hub_files import FILES, cached
from vitviz.models.loading.hub.repository_config import MOST as CONFIG_MOST
from vitviz.models.loading.hub.repository_config import described
from vitviz.models.loading.model_sizes import dimensions, resampling_notes
from vitviz.models.loading.preprocess import preprocess_of

HUB = "hf-hub:"
"""Before a repository of the model hub that timm's catalogue does not have."""


def from_timm(name: str, pretrained: bool, wanted: WantedModel, progress: Progress) -> BuiltModel:
    """A model of timm's, or one that a repository of the hub describes. BadModel, in a sentence."""
    from_hub = name.startswith(HUB)
    if not from_hub and not timm.is_model(name.split(".")[0]):
        raise BadModel(_no_such(name))
    progress(0, 3, "building the model")
    resampled = pretrained and wanted.patch_size is not None and not from_hub
    notes = resampling_notes(dimensions(name), wanted.patch_size) if resampled else ()
    more: dict[str, Any] = {}
    built = name
    if from_hub:
        built, more = _described_by_hub(name, wanted, progress)
        wanted = replace(wanted, arguments={**more.pop("arguments"), **wanted.arguments})
    if pretrained:
        more |= _weights_of(name, wanted.allow_download, progress)
    module = create(built, pretrained, wanted, **more)
    preprocess = preprocess_of(resolve_model_data_config(module))
    anatomy = anatomy_of(module)
    trained_size, config = preprocess.size, anatomy.config
    size = wanted.size or anatomy.picture or trained_size
    if pretrained and size != trained_size:
        notes += (resized_note(trained_size),)
    return BuiltModel(
        module,
        replace(preprocess, size=size),
        "trained" if pretrained else "untrained",
        name,
        str(config.get("architecture") or name),
        labels=_timms_labels(name, module) if pretrained else (),
        source=str(config.get("hf_hub_id") or config.get("url") or "timm") if pretrained else "",
        licence=str(config.get("license") or ""),
        weights_hash=_revision(config) if pretrained else "",
        notes=notes,
        evidence=named_evidence(str(config.get("architecture") or name), preprocess, "timm"),
    )


def _timms_labels(name: str, module: nn.Module) -> tuple[str, ...]:
    """The names of the classes that timm's weights were trained for; () for a head of another size."""
    anatomy = anatomy_of(module)
    config, classes = anatomy.config, anatomy.classes
    named = card_labels(config)
    if len(named) == classes > 0:
        return named
    is_timms = not name.startswith("hf-hub:") or name.startswith("hf-hub:timm/")
    return imagenet_labels(classes) if is_timms and config.get("num_classes") == classes else ()


def _described_by_hub(
    name: str, wanted: WantedModel, progress: Progress
) -> tuple[str, dict[str, Any]]:
    """What config.json says: timm is never sent to the hub, it would fetch what that file names."""
    repository = name.removeprefix(HUB)
    wish: dict[str, Any] = {"files": ("config.json",), "most": CONFIG_MOST}
    try:
        file = fetch(repository, name, progress, allowed=wanted.allow_download, **wish)
    except BadModel as error:
        if isinstance(error.__cause__, EntryNotFoundError):
            raise BadModel(
                f"{name} has no config.json that would say which of timm's architectures it is; "
                "download its weights, open the file, and name the architecture"
            ) from error
        raise
    architecture, found = described(file, repository)
    config = found.pop("pretrained_cfg")
    return architecture, {"pretrained_cfg": config, "arguments": found}


def _known_weights(name: str) -> Any:
    """What timm knows of the weights of a name. BadModel for weights that it has not."""
    try:
        return timm.models.get_pretrained_cfg(name)
    except RuntimeError:  # timm's for a tag behind the dot that there is not
        base, _, tag = name.partition(".")
        there = timm.list_models(f"{base}.*", pretrained=True)
        instead = f"there are {', '.join(there[:5])}" if there else f"leave .{tag} out"
        raise BadModel(f"timm has no weights {tag!r} of {base}; {instead}") from None


def _weights_of(name: str, allowed: bool, progress: Progress) -> dict[str, Any]:
    """Where timm shall take the weights from: a file of the hub, fetched where it is missing."""
    config = None if name.startswith(HUB) else _known_weights(name)
    repository = name.removeprefix(HUB) if config is None else config.hf_hub_id
    if not repository:
        return _elsewhere(name, str(config.url or "") if config else "", allowed)
    own = config.hf_hub_filename if config else None
    try:
        file = fetch(
            repository, name, progress, files=(str(own),) if own else FILES, allowed=allowed
        )
    except BadModel as error:
        raise BadModel(f"{error}; {_instead()}, and {name} itself with random weights") from error
    progress(1, 3, "reading the weights")
    if file.suffix == ".safetensors":
        found: dict[str, Any] = {"file": str(file)}
    else:  # read here: timm has not always refused to unpickle
        found = {"state_dict": read_state(file)}
    # A "custom" loader is for the makers' own file; the hub's has timm's names.
    return {"pretrained_cfg_overlay": {**found, "custom_load": False}}


def _elsewhere(name: str, address: str, allowed: bool) -> dict[str, Any]:
    """Weights at an address of their own: timm's own download, of tensors only. BadModel where they
    are not here and nothing may be fetched.
    """
    kept = Path(torch.hub.get_dir(), "checkpoints", Path(urlsplit(address).path).name)
    if address and not allowed and not kept.is_file():
        raise BadModel(not_allowed(name))
    return {}


def create(name: str, pretrained: bool, wanted: WantedModel, **more: Any) -> nn.Module:
    """What timm makes of a name and arguments. BadModel, in a sentence, where it makes nothing."""
    try:
        module: nn.Module = timm.create_model(
            name, pretrained=pretrained, **for_timm(wanted.changes), **more
        )
    except TypeError as error:
        asked = ", ".join(wanted.changes) or "these arguments"
        raise BadModel(f"{name} cannot be built with {asked} ({error}); leave them out") from error
    except Exception as error:  # whatever the network layer raises: its kinds are not ours to list
        words = (
            str(error).strip().splitlines()[0][:160] if str(error).strip() else "no reason given"
        )
        if not pretrained:
            raise BadModel(f"{name} cannot be built ({words}); try its own sizes") from error
        raise BadModel(
            f"the weights of {name} could not be fetched ({type(error).__name__}: {words}); "
            f"{_instead()}"
        ) from error
    anatomy_of(module).config.pop("state_dict", None)  # it would hold the weights twice
    return module


def _revision(config: dict[str, Any]) -> str:
    """The revision of the downloaded file in the hub's cache; "" where it did not come from there."""
    repository = config.get("hf_hub_id")
    found = cached(str(repository), FILES[:2]) if repository else None
    return found.parent.name if found is not None else ""


def known_names() -> tuple[str, ...]:
    """Every name that can be loaded: the bundled models, then timm's."""
    return (*(model.name for model in bundled()), *timm.list_models())


def _no_such(name: str) -> str:
    if name and Path(name).is_dir():
        return f"{name} is a folder, not a model; open the checkpoint file inside it"
    known = known_names()
    near = difflib.get_close_matches(name, known, n=3)
    meant = f"did you mean {', '.join(near)}?" if near else _instead()
    return f"there is no model {name!r}; {meant}"


def _instead() -> str:
    names = ", ".join(model.name for model in bundled())
    return (
        f"bundled models work without a network ({names}), and so do checkpoint files"
        if names
        else "checkpoint files work without a network"
    )
