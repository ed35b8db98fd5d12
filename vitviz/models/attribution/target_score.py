"""A target as one number of a model's pass that can be differentiated and batched."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, assert_never

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from vitviz.core.data.attribution import TargetReading
from vitviz.core.data.target import Target, named_class
from vitviz.core.pictures.picture_files import open_picture
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.models.attribution.block_tokens import block_list, tokens_of
from vitviz.models.families import anatomy_of
from vitviz.models.loading.live.called_module import CalledModule
from vitviz.models.loading.model import Model
from vitviz.models.loading.preprocess import normalised, prepare
from vitviz.models.loading.prompted import answers_prompts, image_features, one_prompt

PixelBatch = Float[Tensor, "picture rgb row col"]
OnePicture = Float[Tensor, "1 rgb row col"]
AnswerRows = Float[Tensor, "picture output"]


@dataclass(frozen=True, eq=False)
class TargetScore:
    """A target of one model: `answers` runs it, `score` reads the target's number off the answers.

    `reading` says the same in plain numbers, for answers that were kept.
    """

    reading: TargetReading
    run: Callable[[nn.Module, PixelBatch], AnswerRows]

    def answers(self, module: nn.Module, pixels: PixelBatch) -> AnswerRows:
        """What the target is read off, for each picture."""
        return self.run(module, pixels)

    def score(self, answers: AnswerRows) -> Float[Tensor, "picture"]:
        """The target's number for each picture."""
        reading = self.reading
        if reading.vector is not None:
            vector = torch.from_numpy(reading.vector).to(answers.device, answers.dtype)
            return torch.nn.functional.cosine_similarity(answers, vector[None], dim=1)
        assert reading.index is not None
        found = answers[:, reading.index]
        return found if reading.against is None else found - answers[:, reading.against]


def target_score(
    target: Target, model: Model, pixels: Float[Tensor, "1 rgb row col"]
) -> TargetScore:
    """The target in this model, for the picture that it is asked about.

    VitvizError for a class, output or feature that is not there, Unsupported where the model has no
    such thing, both in a sentence.
    """
    match target.kind:
        case "predicted":
            return _predicted(target, model, pixels)
        case "class":
            return _classed(target, model, (target.index, target.text))
        case "contrast":
            return _classed(
                target, model, (target.index, target.text), (target.against, target.other)
            )
        case "output":
            return _output(target, model, pixels)
        case "feature":
            return _feature(target, model, pixels)
        case "cosine":
            return _cosine(target, model)
        case "lens":
            return _lens(target, model, pixels)
        case "prompt":
            return _prompt(target, model)
        case "function":
            return _function(target, model)
        case _:
            assert_never(target.kind)


def plain_answers(module: nn.Module, pixels: PixelBatch) -> AnswerRows:
    """The model's own answer. Unsupported where it is not one row of numbers a picture."""
    found = module(pixels)
    if not isinstance(found, Tensor) or found.ndim != 2:
        kind = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise Unsupported(
            f"{type(module).__name__} answers with {kind} and not with one row of numbers, so no "
            "class or output of it can be a target; give target= a function of its output"
        )
    return found


def _answer_of(model: Model, pixels: PixelBatch) -> AnswerRows:
    with torch.inference_mode(False), torch.no_grad():
        return plain_answers(model.module, pixels)


def _predicted(target: Target, model: Model, pixels: PixelBatch) -> TargetScore:
    if model.info.classes == 0:
        raise Unsupported(
            f"{model.info.called} has no head, so it predicts no class; choose a feature of its "
            "embedding (feature:17) or its likeness with another picture (like:PICTURE)"
        )
    answer = _answer_of(model, pixels)
    index = int(answer[0].argmax())
    several = answer.shape[1] > 1
    name = Target("class", index=index).words(model.labels) if several else "its one output"
    return TargetScore(TargetReading(name, index=index, scores=model.info.scores), plain_answers)


def _classed(
    target: Target,
    model: Model,
    one: tuple[int | None, str],
    other: tuple[int | None, str] | None = None,
) -> TargetScore:
    index = _index(model, *one)
    against = None if other is None else _index(model, *other)
    found = Target(target.kind, index=index, against=against)
    reading = TargetReading(
        found.words(model.labels), index=index, against=against, scores=model.info.scores
    )
    return TargetScore(reading, plain_answers)


def _index(model: Model, index: int | None, name: str) -> int:
    """The class of that number or name, if the model has it."""
    classes, called = model.info.classes, model.info.called
    if classes == 0:
        raise Unsupported(
            f"{called} has no head, so no class can be asked about; choose a feature of its embedding "
            "(feature:17) or its likeness with another picture (like:PICTURE)"
        )
    found = named_class(name, model.labels) if index is None else index
    if not 0 <= found < classes:
        raise VitvizError(f"{called} has no class {found}; its {classes} classes count from 0")
    return found


def _output(target: Target, model: Model, pixels: PixelBatch) -> TargetScore:
    outputs = _answer_of(model, pixels).shape[1]
    assert target.index is not None
    if target.index >= outputs:
        raise VitvizError(
            f"{model.info.called} has no output {target.index}; its {outputs} count from 0"
        )
    return TargetScore(TargetReading(target.words(), index=target.index), plain_answers)


def embedded(module: nn.Module, pixels: PixelBatch) -> AnswerRows:
    """The embedding: what the head's last layer reads, or the answer of a model without head.

    Unsupported where that is not one row (picture feature) of numbers.
    """
    part: Any = module
    if isinstance(module, CalledModule) and answers_prompts(module):
        return image_features(module, pixels)
    if not hasattr(part, "forward_head") or not hasattr(part, "forward_features"):
        return plain_answers(module, pixels)
    found: Tensor = part.forward_head(part.forward_features(pixels), pre_logits=True)
    if found.ndim != 2:
        raise Unsupported(
            f"{type(module).__name__} pools its tokens to {tuple(found.shape)} and not to one row of "
            "features, so it has no embedding"
        )
    return found


def _feature(target: Target, model: Model, pixels: PixelBatch) -> TargetScore:
    with torch.inference_mode(False), torch.no_grad():
        features = embedded(model.module, pixels).shape[1]
    assert target.index is not None
    if target.index >= features:
        raise VitvizError(
            f"{model.info.called} has no feature {target.index}; its {features} count from 0"
        )
    return TargetScore(TargetReading(target.words(), "embedding", target.index), embedded)


def _cosine(target: Target, model: Model) -> TargetScore:
    picture = target.picture
    if picture is None:
        try:
            picture = open_picture(target.other)
        except VitvizError as why:
            raise VitvizError(
                f"the picture {target.other or target.text!r} to be compared with cannot be had: {why}"
            ) from why
    parameter = next(model.module.parameters())
    prepared = prepare(picture, model.preprocess, "crop")
    pixels = normalised(prepared.pixels, model.preprocess).to(parameter.device, parameter.dtype)
    with torch.inference_mode(False), torch.no_grad():
        vector = embedded(model.module, pixels)[0].float().cpu().numpy()
    name = f"similarity with {picture.name}"
    return TargetScore(TargetReading(name, "embedding", vector=vector), embedded)


def _prompt(target: Target, model: Model) -> TargetScore:
    vector = one_prompt(model, target.text).float().cpu().numpy()
    return TargetScore(TargetReading(target.words(), "embedding", vector=vector), embedded)


def _lens(target: Target, model: Model, pixels: PixelBatch) -> TargetScore:
    module: Any = model.module
    blocks = block_list(model.module, model.info.called)
    layer = target.layer or 0
    if not -len(blocks) <= layer < len(blocks):
        raise VitvizError(f"there is no layer {layer}; the {len(blocks)} layers count from 0")
    layer %= len(blocks)
    if not anatomy_of(model.module).reads_tokens:
        raise Unsupported(
            f"{model.info.called} has no head that reads tokens, so none answers early"
        )

    def early(at: int) -> Callable[[nn.Module, PixelBatch], AnswerRows]:
        def answers(part: Any, given: PixelBatch) -> AnswerRows:
            found: Tensor = part.forward_head(part.norm(_tokens_after(blocks[at], part, given)))
            return found

        return answers

    with torch.inference_mode(False), torch.no_grad():
        last, own = early(len(blocks) - 1)(module, pixels), plain_answers(module, pixels)
        if last.shape != own.shape or (last - own).abs().max() > 1e-3 * own.abs().max():
            raise Unsupported(
                f"norm and head alone do not give the answer of {model.info.called}, so its head "
                "cannot "
                "be applied to the tokens of other layers"
            )
        likeliest = int(early(layer)(module, pixels)[0].argmax())
    index = likeliest if target.index is None else _index(model, target.index, "")
    words = Target("lens", index=index, layer=layer).words(model.labels)
    return TargetScore(
        TargetReading(words, "lens", index, layer=layer, scores=model.info.scores), early(layer)
    )


def _tokens_after(block: nn.Module, module: nn.Module, pixels: PixelBatch) -> Tensor:
    found: list[Tensor] = []
    with ExitStack() as hooks:
        hooks.callback(
            block.register_forward_hook(
                lambda _m, _g, output: found.append(tokens_of(output))
            ).remove
        )
        module(pixels)
    return found[0]


def _function(target: Target, model: Model) -> TargetScore:
    function = target.function
    if function is None:
        raise Unsupported(
            f"the target {target.text!r} is a function of somebody's program, which no file holds; "
            "give target= that function again"
        )

    def run(module: nn.Module, pixels: PixelBatch) -> AnswerRows:
        found = module(pixels)
        numbers = [torch.as_tensor(function(_row(found, at))) for at in range(len(pixels))]
        if any(number.numel() != 1 for number in numbers):
            raise VitvizError(
                f"the target {target.words()} gave {numbers[0].numel()} numbers; a target is one number"
            )
        return rearrange(
            torch.stack([number.reshape(()) for number in numbers]), "picture -> picture 1"
        )

    return TargetScore(TargetReading(target.words(), index=0), run)


def _row(found: Any, at: int) -> Any:
    return found[at : at + 1] if isinstance(found, Tensor) else found
