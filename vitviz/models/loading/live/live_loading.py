"""Somebody's own module as a model: found out about, measured, and otherwise left as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vitviz.core.data.evidence import Evidence
from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.trace import ModelInfo
from vitviz.core.notation import shown_number
from vitviz.core.progress import BadModel, Progress, Unsupported
from vitviz.models.families import Family, anatomy_of
from vitviz.models.families.anatomy import timm_anatomy
from vitviz.models.families.measured import MeasuredFamily, UnplacedFamily
from vitviz.models.loading.checkpoint.fill import parameters
from vitviz.models.loading.devices import precision_name
from vitviz.models.loading.live.called_module import CalledModule
from vitviz.models.loading.live.evaluation_lock import EvaluationLock
from vitviz.models.loading.live.measured_transform import TransformFunction, measured_transform
from vitviz.models.loading.live.picture_size import channels_read, first_float, picture_size
from vitviz.models.loading.live.wrapped_encoder import (
    EncoderFamily,
    KnownEncoder,
    known_encoder,
    unwrapped,
)
from vitviz.models.loading.model import Model
from vitviz.models.loading.preprocess import Preprocess
from vitviz.models.record.token_map.token_map import TokenMap, token_map, with_prefix
from vitviz.models.record.token_map.unseen_mixing import mixing_sentence, unseen_mixing

ModuleCall = Callable[[Any, Tensor], Any]


@dataclass(frozen=True, slots=True)
class LiveWishes:
    """What is said about a module beside the module itself; all of it may be left out.

    `transform` makes of an RGB picture of PIL the tensor (channel row col) that the module reads, or is
    preprocessing that is known already; `call` is how the module is called with a batch of one;
    `prefix` names the tokens in front of the patches; `answers_classes` whether the answer has a number
    for each class (None: where it has not as many as a token).
    """

    transform: TransformFunction | Preprocess | None = None
    classes: Sequence[str] = ()
    title: str = ""
    patch_size: int | None = None
    prefix: Sequence[str] = ()
    call: ModuleCall | None = None
    input_size: tuple[int, int] | None = None
    answers_classes: bool | None = None
    name: str = ""
    source: str = "a module in memory, as its weights are"
    architecture: str = ""


@dataclass(frozen=True, slots=True)
class FoundTokens:
    """Where a module's tokens are: the family that says so, and how it is known."""

    family: Family
    name: str
    evidence: tuple[Evidence, ...]
    notes: tuple[str, ...] = ()
    found: TokenMap | None = None


@torch.inference_mode(False)
def load_live(module: nn.Module, wishes: LiveWishes, progress: Progress) -> Model:
    """A module as a model. BadModel, in a sentence, for what cannot be run or looked at."""
    module = unwrapped(module)
    check_placed(module)
    call = wishes.call or _plainly
    run = partial(call, module)
    with EvaluationLock(module):
        preprocess, evidence = _preprocessing(module, run, wishes)
        like = first_float(module)
        pixels = torch.zeros(1, channels_read(module), *preprocess.size).to(like.device, like.dtype)
        encoder = known_encoder(module, run, pixels) if wishes.patch_size is None else None
        called = CalledModule(encoder.module if encoder else module, run)
        with torch.no_grad():
            answer = called(pixels)
        tokens = _tokens(called, encoder, preprocess, wishes, progress)
    info = _info(module, wishes, preprocess, tokens, answer)
    info = replace(info, evidence=(*tokens.evidence, *evidence, *_named_classes(info, wishes)))
    labels = tuple(wishes.classes) if info.classes else ()
    return Model(
        called, info, preprocess, tokens.family, labels, lock=EvaluationLock(module), live=True
    )


def _plainly(module: Any, pixels: Tensor) -> Any:
    return module(pixels)


def check_placed(module: nn.Module) -> None:
    """BadModel for a module that lies on several devices, or on none."""
    devices = sorted({str(each.device) for each in (*module.parameters(), *module.buffers())})
    name = type(module).__name__
    if "meta" in devices:
        raise BadModel(
            f"{name} has weights on the meta device, which holds no numbers; load its weights first"
        )
    if len(devices) > 1:
        raise BadModel(
            f"{name} lies on several devices ({', '.join(devices)}); move it to one, with "
            f'module.to("{devices[0]}")'
        )


def _preprocessing(
    module: nn.Module, run: Callable[[Tensor], Any], wishes: LiveWishes
) -> tuple[Preprocess, tuple[Evidence, ...]]:
    """What the module wants of pictures, and how each of it is known."""
    fact = "mean and std"
    match wishes.transform:
        case Preprocess() as known:
            picture_size(module, run, known.size)
            return known, (Evidence(fact, _said(known), "known", f"{wishes.source} says so"),)
        case None:
            size, found = picture_size(module, run, wishes.input_size)
            configs = (timm_anatomy(each).config for each in module.modules())
            config = next(filter(None, configs), {})
            usual = Preprocess(size)
            preprocess = replace(
                usual,
                mean=tuple(config.get("mean") or usual.mean),
                std=tuple(config.get("std") or usual.std),
            )
            channels = channels_read(module)
            if channels != len(preprocess.mean):
                raise BadModel(
                    f"{type(module).__name__} reads {channels} channels and a picture has 3; say with "
                    "transform= how a picture becomes what it reads"
                )
            because = "nobody said how pictures are prepared; transform= does"
            return preprocess, (found, Evidence(fact, _said(preprocess), "assumed", because))
        case function:
            measured = measured_transform(function)
            picture_size(module, run, measured.size)
            preprocess = Preprocess(measured.size, measured.mean, measured.std, transform=measured)
            because = "measured with the transform that was given"
            return preprocess, (Evidence(fact, _said(preprocess), "proven", because),)


def _said(preprocess: Preprocess) -> str:
    values = (preprocess.mean, preprocess.std)
    mean, std = (" ".join(shown_number(each) for each in group) for group in values)
    return f"mean {mean}, std {std}"


def _tokens(
    called: CalledModule,
    encoder: KnownEncoder | None,
    preprocess: Preprocess,
    wishes: LiveWishes,
    progress: Progress,
) -> FoundTokens:
    """Where the tokens are: of a known family inside, else measured."""
    if encoder is not None:
        inside = f", found inside as {encoder.path}" if encoder.path else ""
        known = Evidence("token map", f"{encoder.name}{inside}", "known", "its class is timm's own")
        return FoundTokens(EncoderFamily(encoder), encoder.name, (known,))
    try:
        found = token_map(
            called,
            called,
            preprocess.size,
            first_float(called),
            channels=channels_read(called),
            patch=wishes.patch_size,
            prefix=tuple(wishes.prefix),
            progress=progress,
        )
    except Unsupported as error:
        if "made no attention call" in str(error):
            name = type(called.inner).__name__
            mixing = mixing_sentence(_unseen(called, preprocess))
            raise BadModel(
                f"{name} makes no attention among tokens that could be seen, so there is nothing to "
                f"show{'; ' + mixing if mixing else ''}; choose a transformer"
            ) from error
        refused = f"which pixels its tokens read was not found: {error}"
        unknown = Evidence("token map", "none", "known", str(error))
        return FoundTokens(UnplacedFamily(str(error)), "unknown", (unknown,), (refused,))
    names, said = prefix_by_name(called)
    facts = _measured_facts(found)
    if not wishes.prefix and len(names) == len(found.grid.prefix) > 0:
        found = with_prefix(found, names)
        facts += (Evidence("prefix tokens", ", ".join(names), "proven", said),)
    mixing = mixing_sentence(_unseen(called, preprocess))
    notes = (mixing,) if mixing else ()
    return FoundTokens(MeasuredFamily(found), "measured", facts, notes, found)


def _unseen(called: CalledModule, preprocess: Preprocess) -> tuple[str, ...]:
    """What mixes tokens beside the attention that was seen."""
    like, channels = first_float(called), channels_read(called)
    return unseen_mixing(called, called, preprocess.size, like, channels)


_PREFIX_WORDS = (
    ("class", ("cls", "class")),
    ("distillation", ("dist",)),
    ("register", ("reg",)),
    ("detection", ("det",)),
)


def prefix_by_name(module: nn.Module) -> tuple[tuple[str, ...], str]:
    """What the tokens in front of the patches are called, as far as parameters' names say."""
    names: list[str] = []
    because: list[str] = []
    for called, words in _PREFIX_WORDS:
        for name, table in module.named_parameters():
            own = name.rpartition(".")[2].lower()
            token = own.split("_")[-1] in ("token", "tokens", "embedding", "embed", "cls")
            if token and own.startswith(words) and table.ndim <= 3:
                count = 1 if table.ndim == 1 else table.shape[-2]
                several = called in ("register", "detection")
                names += [f"{called} {at + 1}" if several else called for at in range(count)]
                because.append(name)
                break
    return tuple(names), f"as many as {', '.join(because)}, and no picture changes them"


def _measured_facts(found: TokenMap) -> tuple[Evidence, ...]:
    grid = found.grid
    value = f"{grid.rows} × {grid.cols} tokens of {grid.patch[0]:g} × {grid.patch[1]:g} pixels"
    passes = f"measured in {found.passes[0]} passes and {found.passes[1]} of the entrance"
    because = (
        f"each token changes with its own pixels and no others, {passes}"
        if found.exact
        else f"the centre of what each token reads, which is more than its own pixels, {passes}"
    )
    facts = [Evidence("token map", value, "proven", because)]
    guessed = [each for each in found.calls if each.asking is not None and not each.queries_seen]
    if guessed:
        where = f"queries of {guessed[0].name or 'the model'} are where its keys are"
        facts.append(
            Evidence("queries", where, "assumed", "the product that made its scores was not seen")
        )
    return tuple(facts)


def _named_classes(info: ModelInfo, wishes: LiveWishes) -> tuple[Evidence, ...]:
    """BadModel where the names are not as many as the answer has numbers."""
    if not wishes.classes:
        return ()
    count = len(wishes.classes)
    if info.classes != count:
        raise BadModel(
            f"classes= has {count} names and the module answers {info.classes or 'no'} numbers for one "
            "picture; give one name for each"
        )
    return (Evidence("classes", f"{count} names", "known", "classes= says so"),)


def _info(
    module: nn.Module,
    wishes: LiveWishes,
    preprocess: Preprocess,
    tokens: FoundTokens,
    answer: Tensor,
) -> ModelInfo:
    like, name = first_float(module), type(module).__name__
    grid: TokenGrid | None = tokens.family.grid(module, preprocess.size)
    calls = tokens.found.calls if tokens.found else ()
    heads, width = (calls[-1].heads, calls[-1].width) if calls else (0, 0)
    dim = heads * width or anatomy_of(module).dim
    answered = answer.shape[1] if answer.ndim == 2 and len(answer) == 1 else 0
    features = answered == dim and not wishes.classes
    if wishes.answers_classes is not None:
        features = not wishes.answers_classes
    patch = (0, 0) if grid is None else (round(grid.patch[0]), round(grid.patch[1]))
    return ModelInfo(
        name=wishes.name or wishes.title or name,
        title=wishes.title or wishes.name or name,
        family=tokens.name,
        architecture=wishes.architecture or name,
        weights="trained",
        patch=patch,
        input_size=preprocess.size,
        depth=len({each.name for each in calls}) or 1,
        heads=heads,
        dim=dim,
        parameters=parameters(module),
        classes=0 if features else answered,
        device=str(like.device),
        precision=precision_name(like.dtype),
        source=wishes.source,
        notes=tokens.notes,
        mean=preprocess.mean,
        std=preprocess.std,
    )
