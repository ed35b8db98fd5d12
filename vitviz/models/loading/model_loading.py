"""A model by name: bundled, any timm name, or a checkpoint file; built, filled and described."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import timm
import torch
from huggingface_hub.errors import EntryNotFoundError
from timm.data import resolve_model_data_config
from torch import nn

from vitviz.core.data.evidence import Evidence
from vitviz.core.data.trace import ModelInfo, Weights
from vitviz.core.data.weight_files import named_as_checkpoint
from vitviz.core.progress import BadModel, Progress
from vitviz.models.families import family_of
from vitviz.models.loading.architectures.evidence import mean_and_std_of
from vitviz.models.loading.architectures.network import (
    TIMM,
    ModelBlueprint,
    build,
    check_room,
    empty,
    for_timm,
)
from vitviz.models.loading.bundled import BundledModel, bundled
from vitviz.models.loading.checkpoint.blueprint import classes_of_plan, understood
from vitviz.models.loading.checkpoint.checkpoint import (
    forget_checkpoint,
    read_checkpoint,
)
from vitviz.models.loading.checkpoint.checkpoint_files import (
    checkpoint_path,
    file_hash,
    read_state,
)
from vitviz.models.loading.checkpoint.class_names import (
    card_labels,
    imagenet_labels,
)
from vitviz.models.loading.checkpoint.fill import as_dtype, fill, parameters
from vitviz.models.loading.devices import chosen_device, chosen_precision, precision_name
from vitviz.models.loading.hub.download import fetch, not_allowed
from vitviz.models.loading.hub.hub_files import FILES, cached
from vitviz.models.loading.hub.repository_config import MOST as CONFIG_MOST
from vitviz.models.loading.hub.repository_config import described
from vitviz.models.loading.image_processor import processed
from vitviz.models.loading.model import Model
from vitviz.models.loading.model_sizes import check_input, dimensions, planned, resampling_notes
from vitviz.models.loading.own_networks import own
from vitviz.models.loading.preprocess import (
    Preprocess,
    channels_of,
    for_channels,
    preprocess_of,
)
from vitviz.models.loading.said import Said, refuse_assumed

InputSides = tuple[int, int]
HUB = "hf-hub:"
"""Before a repository of the model hub that timm's catalogue does not have."""
_NEVER = (
    "checkpoint_path",
    "pretrained_cfg",
    "pretrained_cfg_overlay",
    "cache_dir",
    "pretrained_filter_fn",
    "pretrained_custom_load",
    "pretrained_model_args",
    "file",
    "url",
    "state_dict",
    "scriptable",
    "exportable",
    "no_jit",
)
"""Arguments by which timm would read a file or an address past vitviz's own reader."""


@dataclass(frozen=True, slots=True)
class WantedModel:
    """What was asked for beside the name."""

    patch_size: int | None = None
    size: InputSides | None = None
    said: Said = field(default_factory=Said)
    encoder: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    allow_download: bool = True

    @property
    def heard(self) -> Said:
        """All that was said of a file."""
        return replace(self.said, arguments=self.arguments, input_size=self.size)

    @property
    def changes(self) -> dict[str, Any]:
        """Arguments for timm's constructors."""
        changes = {**self.arguments, **self.said.changes}
        if self.patch_size is not None:
            changes["patch_size"] = self.patch_size
        if self.size is not None:
            changes["img_size"] = self.size
        return changes


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """A filled module and where it came from."""

    module: nn.Module
    preprocess: Preprocess
    weights: Weights
    title: str
    architecture: str
    labels: tuple[str, ...] = ()
    source: str = ""
    licence: str = ""
    weights_hash: str = ""
    notes: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


@torch.inference_mode(False)  # whoever asks: a weight made in it could never be differentiated
def load(
    name: str | Path,
    *,
    pretrained: bool,
    patch_size: int | None,
    input_size: int | InputSides | None,
    device: str,
    precision: str,
    architecture: str | None,
    said: Said,
    encoder: str | None,
    strict: bool,
    allow_download: bool,
    progress: Progress,
    arguments: dict[str, Any],
) -> Model:
    """As `vitviz.models.load`. BadModel or VitvizError, in a sentence, for what it refuses."""
    if not isinstance(name, str | Path):
        raise BadModel(f"a model is named by its name or a file's path, not {name!r}")
    where = chosen_device(device)
    dtype = chosen_precision(precision, where)
    size = (input_size, input_size) if isinstance(input_size, int) else input_size
    _check_sides("a patch size", patch_size)
    _check_sides("an input size", size)
    if never := next((name for name in arguments if name in _NEVER), ""):
        raise BadModel(
            f"{never} is no size or switch of an architecture; to open a checkpoint file give its path "
            "as the model's name"
        )
    said.check()
    wanted = WantedModel(patch_size, size, said, encoder, arguments, allow_download)
    progress(0, 3, "building the model")
    built = _for_channels(_built(name, pretrained, architecture, wanted, progress))
    built = replace(built, preprocess=said.prepared(built.preprocess))
    if strict:
        refuse_assumed(built.evidence, Path(name).name)
    progress(2, 3, f"moving it to {where}")
    module, note = _placed(built.module, where, dtype)
    built = replace(built, notes=(*built.notes, *note))
    check_input(module, built.preprocess.size)
    family, reader = family_of(module)
    info = _info(_full_name(name), built, family)
    grid = reader.grid(module, built.preprocess.size)
    if grid is not None:
        info = replace(info, patch=(round(grid.patch[0]), round(grid.patch[1])))
    progress(3, 3, "ready")
    return Model(module, info, built.preprocess, reader, built.labels)


def _for_channels(built: BuiltModel) -> BuiltModel:
    """Pictures prepared for as many channels as the model reads, and a sentence where that is not 3."""
    channels = channels_of(built.module)
    prepared = for_channels(built.preprocess, channels)
    if prepared is built.preprocess:
        return built
    how = "turned to grey" if channels == 1 else f"to be given as tensors of {channels} channels"
    note = f"it reads {channels} channel{'s' * (channels > 1)}: pictures are {how}"
    return replace(built, preprocess=prepared, notes=(*built.notes, note))


def _full_name(name: str | Path) -> str:
    """What `load` takes again: a path of a usual ending as it was given, others from the root on."""
    path = checkpoint_path(name)
    is_plain = path is None or named_as_checkpoint(path.name)
    return str(name) if path is None or is_plain else str(path.absolute())


def _check_sides(what: str, size: int | InputSides | None) -> None:
    """BadModel for a side that has no pixels."""
    sides = size if isinstance(size, tuple | list) else (size,)
    wrong = next((side for side in sides if side is not None and side < 1), None)
    if wrong is not None:
        raise BadModel(f"{what} is at least 1 pixel, not {wrong}")


def _placed(
    module: nn.Module, where: torch.device, dtype: torch.dtype
) -> tuple[nn.Module, tuple[str, ...]]:
    """The module where it was wanted; on the CPU, with the sentence why, where it does not fit."""
    try:
        return as_dtype(module, where, dtype), ()
    except torch.OutOfMemoryError:
        note = f"it does not fit in the memory of {where} and runs on the CPU in fp32"
    # Out of the except block: the error's frames would keep the tensors alive.
    return as_dtype(module, torch.device("cpu"), torch.float32), (note,)


def _built(
    name: str | Path,
    pretrained: bool,
    architecture: str | None,
    wanted: WantedModel,
    progress: Progress,
) -> BuiltModel:
    path = checkpoint_path(name)
    if path is not None:
        return _from_file(path, architecture, wanted, progress)
    card = next((model for model in bundled() if model.name == name), None)
    if card is not None:
        return _from_card(card, pretrained, wanted, progress)
    plain = str(name).removeprefix(TIMM)
    built = _from_timm(plain, pretrained, wanted, progress)
    if plain != name:
        return replace(built, title=str(name))
    return replace(built, module=own(built.module))


def _from_card(
    model: BundledModel, pretrained: bool, wanted: WantedModel, progress: Progress
) -> BuiltModel:
    card = model.card
    patch = wanted.patch_size or model.default_patch_size
    described = card["architecture"]
    arguments = {**described["arguments"], "patch_size": patch, "img_size": model.input_size}
    arguments |= replace(wanted, patch_size=None).changes
    module = build(ModelBlueprint(described["class"], arguments), model.name)
    notes: tuple[str, ...] = ()
    if pretrained:
        progress(1, 3, "reading the weights")
        notes = fill(module, read_state(model.file), model.name).notes
        trained = ", ".join(map(str, model.patch_sizes))
        if patch not in model.patch_sizes:
            notes += (
                f"patch {patch} was not among the trained ones ({trained}): its kernel is "
                "resampled",
            )
        if wanted.size not in (None, model.input_size):
            notes += (_resized_note(model.input_size),)
    preprocess = preprocess_of(card)
    return BuiltModel(
        module,
        replace(preprocess, size=wanted.size or preprocess.size),
        _weights(pretrained and bool(card.get("trained", True)), notes),
        model.title,
        described["class"],
        labels=card_labels(card) or imagenet_labels(int(getattr(module, "num_classes", 0))),
        source="bundled with vitviz",
        licence=str(card.get("licence", "")),
        weights_hash=str(card.get("sha256") or file_hash(model.file)) if pretrained else "",
        notes=notes,
        evidence=_named_evidence(described["class"], preprocess, "its card"),
    )


def _from_timm(name: str, pretrained: bool, wanted: WantedModel, progress: Progress) -> BuiltModel:
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
    module = _create(built, pretrained, wanted, **more)
    preprocess = preprocess_of(resolve_model_data_config(module))
    trained_size, config = preprocess.size, getattr(module, "pretrained_cfg", {}) or {}
    size = wanted.size or _own_size(module) or trained_size
    if pretrained and size != trained_size:
        notes += (_resized_note(trained_size),)
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
        evidence=_named_evidence(str(config.get("architecture") or name), preprocess, "timm"),
    )


def _timms_labels(name: str, module: nn.Module) -> tuple[str, ...]:
    """The names of the classes that timm's weights were trained for; () for a head of another size."""
    config = getattr(module, "pretrained_cfg", {}) or {}
    classes = int(getattr(module, "num_classes", 0) or 0)
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


def _weights_of(name: str, allowed: bool, progress: Progress) -> dict[str, Any]:
    """Where timm shall take the weights from: a file of the hub, fetched where it is missing."""
    config = None if name.startswith(HUB) else timm.models.get_pretrained_cfg(name)
    repository = name.removeprefix(HUB) if config is None else config.hf_hub_id
    if not repository:
        return _elsewhere(name, str(getattr(config, "url", "") or ""), allowed)
    own = getattr(config, "hf_hub_filename", None)
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


def _create(name: str, pretrained: bool, wanted: WantedModel, **more: Any) -> nn.Module:
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
    getattr(module, "pretrained_cfg", {}).pop("state_dict", None)  # it would hold the weights twice
    return module


def _from_file(
    path: Path, architecture: str | None, wanted: WantedModel, progress: Progress
) -> BuiltModel:
    found = read_checkpoint(path, encoder=wanted.encoder, progress=progress)
    plan, state = understood(found, architecture, wanted.heard)
    check_room(empty(plan, path.name), state, path.name)
    changes = wanted.changes
    arguments = {**plan.arguments, **changes}
    if wanted.patch_size is not None:
        resampling_notes(planned(plan, path.name), wanted.patch_size)  # refuses what cannot be
    if plan.family:
        changed = replace(wanted, arguments={**plan.arguments, **wanted.arguments})
        module = _create(plan.timm_name, False, changed)
        module = module if plan.as_timm else own(module)
    else:
        module = build(ModelBlueprint(plan.kind, arguments), path.name)
    filled = fill(module, state, path.name)
    forget_checkpoint()
    count = int(getattr(module, "num_classes", 0) or 0)
    classes = classes_of_plan(found, plan, count, architecture)
    said = (classes.said,) if classes.said else ()
    notes = found.notes + plan.notes + filled.resampled + filled.notes + said
    config = {**resolve_model_data_config(module), **plan.config}
    preprocess = preprocess_of(config)
    size = wanted.size or _own_size(module) or preprocess.size
    read = processed(found.preprocessor, replace(preprocess, size=size))
    notes += (read.why,) if read.why else ()
    return BuiltModel(
        module,
        read.preprocess or replace(preprocess, size=size),
        _weights(plan.trained, notes),
        plan.title or found.title,
        plan.family or plan.kind,
        labels=classes.names,
        source=found.title,
        licence=plan.licence,
        weights_hash=found.hashed(progress),
        notes=notes,
        evidence=(*plan.evidence, *classes.evidence),
    )


def _named_evidence(
    architecture: str, preprocess: Preprocess, because: str
) -> tuple[Evidence, ...]:
    """What a model that was asked for by its name is known by."""
    said = f"{because} says so"
    prepared = mean_and_std_of((preprocess.mean, preprocess.std), "known", said)
    return (Evidence("architecture", architecture, "known", said), prepared)


def _weights(trained: bool, notes: tuple[str, ...]) -> Weights:
    if not trained:
        return "untrained"
    return "partly loaded" if any("untrained" in note for note in notes) else "trained"


def _info(name: str, built: BuiltModel, family: str) -> ModelInfo:
    module = built.module
    parameter = next(module.parameters())
    return ModelInfo(
        name=name,
        title=built.title,
        family=family,
        architecture=built.architecture,
        weights=built.weights,
        patch=(0, 0),
        input_size=built.preprocess.size,
        depth=_depth(module),
        heads=_heads(module),
        dim=int(getattr(module, "num_features", 0)),
        parameters=parameters(module),
        classes=int(getattr(module, "num_classes", 0) or 0),
        device=str(parameter.device),
        precision=precision_name(parameter.dtype),
        source=built.source,
        licence=built.licence,
        weights_hash=built.weights_hash,
        notes=built.notes,
        evidence=built.evidence,
        mean=built.preprocess.mean,
        std=built.preprocess.std,
    )


def _depth(module: nn.Module) -> int:
    """Attention calls to expect: modules that have heads."""
    counted = sum(hasattr(part, "num_heads") for part in module.modules())
    blocks = getattr(module, "blocks", None)
    return len(blocks) if isinstance(blocks, nn.Sequential | nn.ModuleList) else max(1, counted)


def _heads(module: nn.Module) -> int:
    """Heads of the last block (TNT's outer attention comes after its inner one)."""
    inside = getattr(module, "blocks", module)
    heads = [getattr(part, "num_heads", None) for part in inside.modules()]
    return next((each for each in reversed(heads) if isinstance(each, int)), 0)


def _own_size(module: nn.Module) -> InputSides | None:
    """The picture size that a model was built for."""
    embed = getattr(module, "patch_embed", getattr(module, "pixel_embed", None))
    size = getattr(embed, "img_size", None)
    return (int(size[0]), int(size[1])) if isinstance(size, tuple) and len(size) == 2 else None


def _resized_note(trained: InputSides) -> str:
    return f"trained at {trained[1]} × {trained[0]} pixels: its position embeddings are resampled"


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
