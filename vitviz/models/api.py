"""What scripts and notebooks do with models: load one, trace a picture, ask what it would cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from vitviz.core.progress import BadModel, Progress, StillAssumed, silent
from vitviz.models.loading.import_timm import import_timm

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image
    from torch import Tensor, nn

    from vitviz.core.data.evidence import Evidence
    from vitviz.core.data.intervention import Intervention
    from vitviz.core.data.said_facts import SaidFacts
    from vitviz.core.data.trace import LoadArguments, Picture, Trace
    from vitviz.core.measures.cost import ModelDimensions, PassCost
    from vitviz.models.loading.devices import DeviceInfo
    from vitviz.models.loading.model import Model


def load(
    name: str | Path | nn.Module,
    *,
    pretrained: bool = True,
    patch_size: int | None = None,
    input_size: int | tuple[int, int] | None = None,
    device: str = "auto",
    precision: str = "auto",
    architecture: str | None = None,
    num_heads: int | tuple[int, ...] | None = None,
    window_size: int | tuple[int, ...] | None = None,
    mean: float | tuple[float, ...] | None = None,
    std: float | tuple[float, ...] | None = None,
    crop_pct: float | None = None,
    encoder: str | None = None,
    strict: bool = False,
    multi_label: bool | None = None,
    prompts: str | Sequence[str] = (),
    allow_download: bool = True,
    progress: Progress = silent,
    transform: Callable[[Image.Image], Any] | None = None,
    classes: str | Path | Sequence[str] = (),
    title: str = "",
    prefix: Sequence[str] = (),
    call: Callable[[Any, Tensor], Any] | None = None,
    **arguments: Any,
) -> Model:
    """The model of that name: bundled ("vitviz/flexvit"), any timm name, or a checkpoint's path; or a
    module in memory, whatever it is, that answers a batch of pictures.

    >>> model = vitviz.load("test_vit", pretrained=False, device="cpu")
    >>> model
    <Model test_vit: test_vit, 371,240 parameters, untrained, cpu, fp32>
    >>> model.info.patch, model.info.input_size, model.info.depth, model.info.heads
    ((16, 16), (160, 160), 6, 2)
    >>> smaller = vitviz.load("test_vit", pretrained=False, patch_size=8, input_size=64)
    >>> smaller.info.patch, smaller.info.input_size
    ((8, 8), (64, 64))

    What cannot be had is refused in a sentence:

    >>> vitviz.load("test_vitt", allow_download=False)
    Traceback (most recent call last):
    vitviz.core.progress.BadModel: there is no model 'test_vitt'...

    `name` is one of:

    - a bundled name, or any timm name. A TNT's name gives vitviz's own network with these weights,
      "timm/" before it timm's own class.
    - a checkpoint: a file or folder of weights.
    - "hf-hub:owner/name", a repository of the hub, whether timm, transformers or open_clip wrote it.
    - another library's model, built by it and prepared for by it: "torchvision/vit_b_16",
      "transformers/FOLDER" of save_pretrained or "transformers/owner/name" on the hub,
      "open_clip/ViT-B-32:TAG".
    - a `torch.nn.Module` in memory. It stays as it is: its weights, hooks, mode, device, number
      type. Which pixels each of its tokens reads is measured and proven.

    For whatever is named:

    - `pretrained=False` gives a timm model random weights and says "untrained" everywhere.
    - `patch_size`, pixels of a patch's side, and `input_size`, model pixels, one side or (rows,
      cols), resample patch kernels and position embeddings.
    - `device` is "auto", "cpu", "cuda", "cuda:1", "mps"; `precision` "auto", "fp32", "bf16",
      "fp16".
    - `allow_download=False` never reaches the network: what is not on this computer is refused.
    - `classes` are the classes' names, or a text, CSV or JSON file with them; one for each output.
    - `multi_label` says whether the head answers yes or no for each class (sigmoid) instead of
      choosing one of them (softmax); None takes what a card or config beside a file says, else
      softmax. A head of one class is always its logit and sigmoid.
    - `prompts`, several or one text with semicolons, are what a model with a text tower (CLIP,
      SigLIP of transformers or open_clip) compares pictures with: they take the place of classes.

    For a checkpoint, what its name, card or tensors do not show can be said, and is known from then
    on:

    - `architecture`, a timm name, or "TNT", "VisionTransformer", with further `arguments` of its
      class; "timm/" before a TNT's name counts there too.
    - `num_heads`, one number, or one for each stage; `window_size` in tokens, likewise.
    - `mean` and `std`, how pictures are prepared, in 0..1: one number, or one for each channel;
      `crop_pct`, the share of a picture's middle that is kept (0.875, 0.9, 1).
    - `encoder`, which of two encoders (a student and its teacher, weights and their average), by
      what stands before its names ("student"); without it the one that its method evaluates, said
      in a note.
    - `strict` refuses a model of which anything is still assumed (`ModelInfo.evidence`), in a
      sentence that lists it and how to say it.

    Of a module in memory: `transform`, the function that makes of an RGB picture of PIL the tensor
    (channel row col) that it reads; `classes`; `title`; `patch_size`; `prefix`, the tokens in front
    of the patches (("class",)); `call(module, pixels)`, how it is called, if not with the pixels
    alone:

        vitviz.load(module, call=lambda module, pixels: module(pixel_values=pixels).logits)

    Returns a frozen `Model`. Raises BadModel when it cannot be had or does not fit, VitvizError for
    a device that is not there, both in one sentence; `progress(done, total, what)` may raise
    Cancelled.

    Source of resampled patches: Beyer et al., FlexiViT (https://arxiv.org/abs/2212.08013).
    """
    import_timm()
    from vitviz.core.data.weight_files import gone_from_memory, impossible_name, is_in_memory
    from vitviz.models.loading import model_loading
    from vitviz.models.loading.said import Said
    from vitviz.models.loading.said_classes import refuse_for_library, with_what_was_said
    from vitviz.models.loading.sources import source_of
    from vitviz.models.loading.sources.sourced_loading import load_sourced

    if not isinstance(name, str | Path):
        from vitviz.models.loading.checkpoint.class_names import read_classes
        from vitviz.models.loading.live.live_arguments import load_module

        if isinstance(classes, str | Path):
            classes = read_classes(Path(classes).expanduser())
        return load_module(
            name,
            transform=transform,
            classes=classes,
            title=title,
            prefix=prefix,
            call=call,
            patch_size=patch_size,
            input_size=input_size,
            progress=progress,
        )
    _only_for_modules(transform=transform, title=title, prefix=prefix, call=call)
    if is_in_memory(name):
        raise BadModel(gone_from_memory(str(name)))
    if why := impossible_name(str(name)):
        raise BadModel(why)
    said = Said(num_heads, window_size, mean, std, crop_pct=crop_pct)
    library = source_of(name)
    if library is not None:
        own = partial(
            load_sourced,
            *library,
            called=name,
            pretrained=pretrained,
            patch_size=patch_size,
            input_size=_sides(input_size),
            device=device,
            precision=precision,
            allow_download=allow_download,
        )
        refuse_for_library(
            name,
            architecture=architecture,
            num_heads=num_heads,
            window_size=window_size,
            mean=mean,
            std=std,
            crop_pct=crop_pct,
            encoder=encoder,
            **arguments,
        )
        model = own(progress=progress)
        reload = None if model.info.weights == "untrained" else partial(own, progress=silent)
        model = with_what_was_said(model, classes, multi_label, strict=strict)
        return with_prompts(replace(model, reload=reload), prompts)
    wanted = partial(
        model_loading.load,
        name,
        pretrained=pretrained,
        patch_size=patch_size,
        input_size=input_size,
        device=device,
        precision=precision,
        architecture=architecture,
        said=said,
        encoder=encoder,
        strict=strict,
        arguments=arguments,
        allow_download=allow_download,
    )
    finished = partial(_finished, wanted, name=name, classes=classes, multi_label=multi_label)
    try:
        model = finished(progress=progress)
    except StillAssumed:
        raise
    except BadModel as error:
        if architecture or not pretrained or said != Said() or arguments:
            raise
        from vitviz.models.loading.sources.saved_folder import by_transformers

        built = by_transformers(
            error,
            name,
            patch_size=patch_size,
            device=device,
            precision=precision,
            input_size=_sides(input_size),
        )
        try:
            model = built(progress=progress)
        except BadModel:
            raise error from None  # what was wrong with it first
        model = replace(model, reload=partial(built, progress=silent))
        model = with_what_was_said(model, classes, multi_label, strict=strict)
        return with_prompts(model, prompts)
    asked = {
        "multi_label": multi_label,
        "patch_size": patch_size,
        "input_size": input_size,
        "architecture": architecture,
        "encoder": encoder,
    }
    asked = asdict(said) | arguments | asked
    model = replace(model, info=replace(model.info, asked=_plain(asked)))
    if model.info.weights != "untrained":
        model = replace(model, reload=partial(finished, progress=silent))
    return with_prompts(model, prompts)


def _finished(
    wanted: Callable[..., Model],
    *,
    name: str | Path,
    classes: str | Path | Sequence[str],
    multi_label: bool | None,
    progress: Progress,
) -> Model:
    """The model with what was said of its classes and of how they are read."""
    from vitviz.models.loading.checkpoint.checkpoint_files import checkpoint_path
    from vitviz.models.loading.head_scores import multi_label_beside
    from vitviz.models.loading.said_classes import with_classes
    from vitviz.models.loading.sources.saved_folder import saved_by_transformers

    model = wanted(progress=progress)
    file = checkpoint_path(name) or saved_by_transformers(name)
    beside = None if file is None else multi_label_beside(file)
    chosen = beside if multi_label is None else multi_label
    model = replace(model, info=replace(model.info, multi_label=bool(chosen)))
    return with_classes(model, classes) if classes else model


def write_card(
    file: str | Path,
    architecture: str | None = None,
    *,
    input_size: int | tuple[int, int] | None = None,
    facts: SaidFacts | None = None,
) -> tuple[dict[str, Any], tuple[Evidence, ...]]:
    """A checkpoint's card as plain data, and how each fact in it is known.

    Saved as JSON beside the file, under its name, it says from then on what the file does not.
    BadModel where the file cannot be read or understood.
    """
    import_timm()
    from vitviz.core.data.said_facts import NOTHING_SAID
    from vitviz.models.loading.checkpoint.card import card_of
    from vitviz.models.loading.said import said_of

    facts = facts or NOTHING_SAID
    said = said_of(facts, _sides(input_size))
    path = Path(file).expanduser()
    return card_of(path, architecture, said, classes=facts.classes, multi_label=facts.multi_label)


def _only_for_modules(**given: Any) -> None:
    """BadModel for what is only said of a module in memory."""
    said = [name for name, value in given.items() if value]
    if said:
        raise BadModel(
            f"{said[0]}= is for a module in memory; a model that is named brings its own, so leave "
            "it out"
        )


@overload
def trace(
    model: Model,
    image: Picture | str | Path | bytes | Image.Image | np.ndarray,
    *,
    fit: Literal["crop", "pad", "squash"] = ...,
    values: bool | None = ...,
    intervention: Intervention | None = ...,
    progress: Progress = ...,
) -> Trace: ...


@overload
def trace(
    model: Model,
    image: Tensor,
    *,
    values: bool | None = ...,
    intervention: Intervention | None = ...,
    progress: Progress = ...,
) -> Trace | tuple[Trace, ...]: ...


@overload
def trace(
    model: Model,
    image: Sequence[Any],
    *,
    fit: Literal["crop", "pad", "squash"] = ...,
    values: bool | None = ...,
    intervention: Intervention | None = ...,
    progress: Progress = ...,
) -> tuple[Trace, ...]: ...


def trace(
    model: Model,
    image: Picture | str | Path | bytes | Image.Image | np.ndarray | Tensor | Sequence[Any],
    *,
    fit: Literal["crop", "pad", "squash"] = "crop",
    values: bool | None = None,
    intervention: Intervention | None = None,
    progress: Progress = silent,
) -> Trace | tuple[Trace, ...]:
    """All that a model does with one picture, in one pass with its own fused kernels, verified.

    >>> trace = vitviz.trace(model, photo)
    >>> trace
    <Trace of array by test_vit: 10 x 10 patches behind class, 6 layers, ✓ verified ...>
    >>> trace.layers[5].attention.rows(0).shape  # where token 0 looks: (head key)
    (2, 101)
    >>> [one.grid.tokens for one in vitviz.trace(model, [photo, photo[::-1]])]  # a list: a tuple
    [101, 101]

    What is no picture is refused in a sentence:

    >>> vitviz.trace(model, b"text")
    Traceback (most recent call last):
    vitviz.core.progress.BadImage: the pasted picture holds text, not a picture; check that ...

    - `model` is what `vitviz.load` returns.
    - `image` is a path, a file's bytes, a PIL image, a uint8 array (row col channel) or a
      `Picture`. A torch tensor of floats is taken as prepared already and read as it is, which
      makes comparisons with other code exact: (channel row col) gives its trace, (picture channel
      row col) a tuple of traces, one for each picture, each in a pass of its own. A list of any of
      these gives a tuple too.
    - `fit` "crop" is the model's own preprocessing; "pad" and "squash" show it the whole picture.
    - `values` keeps v of every call (None: up to 1,024 tokens).
    - `intervention` changes something about the pass, positions or patches or heads:
      `Intervention(positions="shuffled")`.
    - `progress(done, total, what)` is called at each recorded layer and may raise Cancelled, which
      leaves the model as it was.

    Returns a frozen `Trace`. Attention is kept as q, k and v and evaluated when somebody looks, and
    attention @ values is compared with what the modules themselves gave. Raises BadImage for what
    is no picture, Unsupported when no attention of the model can be laid over the picture.
    """
    from vitviz.models.tracing import picture_tracing

    return picture_tracing.trace(
        model, image, fit=fit, values=values, progress=progress, intervention=intervention
    )


def with_prompts(model: Model, prompts: str | Sequence[str]) -> Model:
    """The same weights with prompts for classes: how well each describes a picture is the answer.

    Several prompts, or one text with semicolons; none gives the model back. Unsupported for a model
    without a text tower, VitvizError for a prompt that it cannot read.
    """
    if not prompts:
        return model
    from vitviz.models.loading.prompted import with_prompts as prompted

    return prompted(model, prompts)


def _sides(input_size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """One side as (rows, cols)."""
    return (input_size, input_size) if isinstance(input_size, int) else input_size


def _plain(arguments: dict[str, Any]) -> LoadArguments:
    """Those that can be written into a recipe."""
    return tuple(
        (name, value)
        for name, value in arguments.items()
        if isinstance(value, str | int | float)
        or (isinstance(value, tuple) and all(isinstance(each, int | float) for each in value))
    )


def dimensions(name: str | Path, *, architecture: str | None = None) -> ModelDimensions:
    """What of a model decides the cost of a patch size, read without its weights. Imports torch.

    `name` and `architecture` as for `load`. BadModel when there is no such model.
    """
    from vitviz.core.data.weight_files import is_in_memory, memory_title

    if is_in_memory(name):
        raise BadModel(
            f"{memory_title(str(name))} is a model in memory, which stays as it is: its patch size is "
            "chosen where it is made, vitviz.load(..., patch_size=8)"
        )
    import_timm()
    from vitviz.models.loading.model_sizes import dimensions as found

    return found(name, architecture)


def cost(
    name: str | Path,
    patch_size: int | None = None,
    input_size: int | tuple[int, int] | None = None,
    *,
    architecture: str | None = None,
) -> PassCost:
    """What a pass would cost, said before the model is loaded: tokens, bytes of the trace, compute
    relative to the model's own sizes.

    Unsupported with the reason where the model cannot take the patch size; those it can are in
    `vitviz.core.measures.cost.patch_sizes(dimensions(name), size)`.
    """
    from vitviz.core.measures.cost import cost as reckoned

    return reckoned(dimensions(name, architecture=architecture), patch_size, _sides(input_size))


def devices() -> tuple[DeviceInfo, ...]:
    """Where models can run on this computer, the one that "auto" takes first. Imports torch."""
    from vitviz.models.loading.devices import devices as found

    return found()


def names() -> tuple[str, ...]:
    """Every name that `load` knows: the bundled models, then timm's. Imports timm."""
    import_timm()
    from vitviz.models.loading.timm_models import known_names

    return known_names()


def to_fetch(name: str) -> str:
    """What of a model `load` would get from the network: a repository's name, "" where all of it is on
    this computer. A name that nobody knows counts as one. Imports no torch.
    """
    from vitviz.models.loading.hub.repository_files import to_fetch as found

    return found(name)
