"""A model whose answer is how well each of some prompts describes the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor

from vitviz.core.data.evidence import Evidence
from vitviz.core.data.said_facts import prompts_of
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.models.loading.live.called_module import CalledModule, answer_of
from vitviz.models.loading.model import Model
from vitviz.models.loading.text_tower import PromptScores, TextTower


def with_prompts(model: Model, prompts: str | Sequence[str]) -> Model:
    """The same weights with prompts for classes; the model as it came for none.

    One prompt alone of a model that chooses among prompts (CLIP) is answered with its cosine: a
    softmax over one is 1 for any picture. Unsupported for a model without a text tower, VitvizError for
    a prompt that it cannot read.
    """
    wanted = prompts_of(prompts)
    if not wanted:
        return model
    tower, module = text_tower(model), model.module
    assert isinstance(module, CalledModule)
    with model.lock:
        rows = tower.rows(wanted)
    alone = len(wanted) == 1 and not tower.each_alone
    scale, bias = (1.0, 0.0) if alone else (tower.scale, tower.bias)
    run = PromptScores(partial(image_features, module), rows, scale, bias)
    said = Evidence("classes", f"{len(wanted)} prompts", "known", "somebody asked about them")
    info = replace(
        model.info,
        classes=len(wanted),
        prompts=wanted,
        multi_label=tower.each_alone,
        evidence=(*(each for each in model.info.evidence if each.fact != "classes"), said),
        asked=(
            *(each for each in model.info.asked if each[0] != "prompts"),
            ("prompts", "; ".join(wanted)),
        ),
    )
    reload = model.reload and partial(_again, model.reload, wanted)
    return replace(model, module=CalledModule(module, run), info=info, labels=wanted, reload=reload)


def _again(reload: Any, prompts: tuple[str, ...]) -> Model:
    return with_prompts(reload(), prompts)


def text_tower(model: Model) -> TextTower:
    """The side that reads words. Unsupported where the model has none."""
    if model.text is None or not isinstance(model.module, CalledModule):
        raise Unsupported(
            f"{model.info.called} has no text tower here, so no prompt can be compared with the "
            "picture; open a CLIP or SigLIP with both sides (transformers/FOLDER, "
            "open_clip/ViT-B-32:TAG), or ask about a class, a feature (feature:17) or another picture "
            "(like:PICTURE)"
        )
    return model.text


def answers_prompts(module: CalledModule) -> bool:
    """Whether its answer has a number for each prompt, in place of the picture's features."""
    return isinstance(module.__dict__["run"], PromptScores)


def image_features(module: CalledModule, pixels: Tensor) -> Tensor:
    """What prompts are compared with, whether the module answers with it or with prompts' numbers.

    Unsupported where that is not one row of numbers for a picture.
    """
    run: Any = module.__dict__["run"]
    found = run.image(pixels) if isinstance(run, PromptScores) else answer_of(run(pixels))
    if found is None or found.ndim != 2:
        raise Unsupported(
            f"{type(module.inner).__name__} gives no one row of features for a picture, so no prompt "
            "can be compared with it"
        )
    return found


def one_prompt(model: Model, prompt: str) -> Tensor:
    """A prompt's row (feature), of length 1. VitvizError for an empty one; errors as `with_prompts`."""
    tower = text_tower(model)
    found = prompts_of((prompt,))
    if not found:
        raise VitvizError("the prompt is empty; say what the picture shall be compared with")
    with model.lock:
        return tower.rows(found)[0]
