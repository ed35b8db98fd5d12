"""What is said of a model on the command line, in the words of `vitviz.load`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from vitviz.cli.command_arguments import Misused, remark
from vitviz.core.data.evidence import assumed, assumed_sentence
from vitviz.core.data.geometry import Crop
from vitviz.core.data.said_facts import Number, SaidFacts, numbers_of, prompts_of
from vitviz.core.data.trace import Fit, ModelInfo, Picture
from vitviz.core.pictures.likely_preparations import PreparationAnswer, answers_sentence
from vitviz.core.progress import VitvizError
from vitviz.folders.model_to_load import ModelToLoad
from vitviz.session.app.first_choices import first_bundled
from vitviz.session.files.training_run import newest_step
from vitviz.session.work.request import ModelRequest
from vitviz.views.api import token_chosen

if TYPE_CHECKING:
    from vitviz.models import Model

MODELS_KEPT = 16 * 1024**3
"""Bytes: the models of one command stay."""

_ARCHITECTURE = Parameter(
    "--architecture", help="What a checkpoint file is: a timm name, where the file does not say it."
)
_HEADS = Parameter("--num-heads", help="Attention heads: 6, or one for each stage (3,6,12,24).")
_WINDOW = Parameter(
    "--window-size", help="Side of the windows in tokens: 7, or one for each stage."
)
_MEAN = Parameter("--mean", help="What pictures are normalised by: 0.5, or 0.485,0.456,0.406.")
_STD = Parameter("--std", help="The same, what they are divided by.")
_CROP = Parameter("--crop-pct", help="The share of a picture's middle that is kept: 0.875, 0.9, 1.")
_ENCODER = Parameter(
    "--encoder", help="Which of two encoders in a file, by what stands before its names: student."
)
_CLASSES = Parameter("--classes", help="A text, CSV or JSON file with the names of the classes.")
_SIGMOID = Parameter(
    "--multi-label",
    negative=("--single-label",),
    help="The head says yes or no for each class (sigmoid) instead of choosing one.",
)
_PROMPTS = Parameter(
    "--prompts",
    help="What a model with a text tower (CLIP, SigLIP) compares the picture with, in place of "
    'classes: "a red parrot; a rock".',
)
_STRICT = Parameter("--strict", help="Refuse a model of which anything is still assumed.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class SaidOfModel:
    """What no tensor of a file shows, said."""

    architecture: Annotated[str, _ARCHITECTURE] = ""
    num_heads: Annotated[str, _HEADS] = ""
    window_size: Annotated[str, _WINDOW] = ""
    mean: Annotated[str, _MEAN] = ""
    std: Annotated[str, _STD] = ""
    classes: Annotated[Path | None, _CLASSES] = None
    multi_label: Annotated[bool | None, _SIGMOID] = None
    strict: Annotated[bool, _STRICT] = False
    prompts: Annotated[str, _PROMPTS] = ""
    crop_pct: Annotated[float | None, _CROP] = None
    encoder: Annotated[str, _ENCODER] = ""

    @property
    def facts(self) -> SaidFacts:
        """The same as numbers. Misused for what are none."""
        return SaidFacts(
            _numbers("--num-heads", self.num_heads, int),
            _numbers("--window-size", self.window_size, int),
            _numbers("--mean", self.mean, float),
            _numbers("--std", self.std, float),
            str(self.classes) if self.classes else "",
            self.multi_label,
            self.strict,
            prompts_of(self.prompts),
            self.crop_pct,
            self.encoder,
        )

    def of(self, request: ModelRequest) -> ModelRequest:
        """The request with all of it."""
        return replace(request, architecture=self.architecture or None, facts=self.facts)

    def of_pictures(
        self, name: str, patch: int | None, sides: str, fit: Fit, device: str, *, untrained: bool
    ) -> ModelRequest:
        """The model of a command over a few pictures. Misused for an input size that is none."""
        pretrained = not untrained
        return self.of(
            ModelRequest(name, patch, input_sides(sides), fit, device, pretrained=pretrained)
        )

    def of_folder(
        self, name: str, patch: int | None, sides: str, device: str, *, untrained: bool
    ) -> ModelToLoad:
        """The model of a command over a folder. Misused for an input size that is none."""
        return ModelToLoad(
            name,
            patch,
            input_sides(sides),
            device,
            pretrained=not untrained,
            architecture=self.architecture or None,
            facts=self.facts,
        )


def _numbers(flag: str, text: str, kind: Callable[[str], Number]) -> tuple[Number, ...]:
    try:
        return numbers_of(text, kind)
    except ValueError:
        usual = "3,6,12,24" if kind is int else "0.485,0.456,0.406"
        raise Misused(
            f"{flag} {text!r} is no number and no list of them, such as {usual}"
        ) from None


def input_sides(text: str) -> int | tuple[int, int] | None:
    """One side, or ROWSxCOLS; None for nothing."""
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,5})(?:[xX×](\d{1,5}))?", text)
    if found is None:
        raise Misused(f"the input size {text!r} is neither a side nor ROWSxCOLS, such as 224x448")
    return int(found[1]) if found[2] is None else (int(found[1]), int(found[2]))


def say_assumed(info: ModelInfo) -> None:
    """On stderr what of a model is assumed, and how it can be said."""
    if said := assumed_sentence(info.evidence):
        remark(
            f"{info.called}: {said}; say it (--architecture, --num-heads, --window-size, --mean, "
            "--std, --crop-pct, --input-size), or refuse it with --strict"
        )


def say_preparations(model: Model, picture: Picture, fit: Fit = "crop") -> list[dict[str, Any]]:
    """On stderr what a model of which nobody knows mean and std predicts with each likely one.

    The same for scripts; [] where they are known, or where there is nothing to predict.
    """
    if not any(each.fact == "mean and std" for each in assumed(model.info.evidence)):
        return []
    from vitviz.models.tracing.preparation_answers import preparation_answers

    found = preparation_answers(model, [picture], fit=fit, every=False)
    if said := answers_sentence(found, picture.name):
        remark(said)
    return [as_plain(each) for each in found if each.best]


def as_plain(answer: PreparationAnswer) -> dict[str, Any]:
    """A way to prepare pictures with its predictions, for scripts."""
    way = answer.preparation
    best = [{"class": each.index, "name": each.name, "share": each.share} for each in answer.best]
    return {
        "name": way.name,
        "mean": way.mean,
        "std": way.std,
        "crop_pct": way.crop_pct,
        "taken": answer.taken,
        "best": best,
    }


def check_chosen(model: Model, token: tuple[int, ...] | str | None, layer: int | None) -> None:
    """Misused for a token or a layer that a model does not have, before it runs.

    Only where both are known without a pass: one sequence of tokens, one attention a block.
    """
    info = model.info
    if info.family not in ("vit", "tnt"):
        return
    if layer is not None and not -info.depth <= layer < info.depth:
        raise Misused(
            f"there is no layer {layer}; the {info.depth} layers of {info.called} are 0 to "
            f"{info.depth - 1}, or -1 for the last"
        )
    size = model.preprocess.size
    grid = model.family.grid(model.module, size)
    if token is None or grid is None:
        return
    try:
        token_chosen(token, grid, Crop(size, size, (1.0, 1.0), (0.0, 0.0)))
    except VitvizError as error:
        raise Misused(str(error)) from None


def model_named(name: str) -> str:
    """The model asked for, of a run's folder the newest; else the first that is bundled."""
    found = name or first_bundled()
    if not found:
        raise VitvizError("no model is bundled; name one with --model, a timm name or a file")
    return newest_step(found)
