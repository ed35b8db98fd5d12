"""The command that rates ways of asking why over a folder of pictures: rate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

from cyclopts import Parameter

from vitviz.cli.command_arguments import (
    DEVICE,
    JSON,
    MODEL,
    OVERWRITE,
    PATCH,
    PIXELS,
    TARGET,
    UNTRAINED,
    Misused,
    Printing,
    meter,
    print_json,
    remark,
    remark_broken,
)
from vitviz.cli.model_arguments import SaidOfModel, model_named, say_assumed
from vitviz.cli.picture_sources import PictureParts
from vitviz.core.data.attribution import Fill, Method
from vitviz.core.data.evidence import assumed
from vitviz.core.data.target import target_of
from vitviz.core.measures.faithfulness import RANDOM_MAPS, STEPS
from vitviz.views.api import pictured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitviz.folders.rating.picture_rating import RatingPlan
    from vitviz.folders.rating.rate_folder import FolderRating

USUAL: tuple[Method, ...] = ("relevance", "LeGrad", "gradient rollout", "rollout", "attention")


def rate(
    folder: Annotated[
        Path,
        Parameter(
            help="A folder of pictures; folders in it that are called by classes are labels."
        ),
    ],
    /,
    *,
    out: Annotated[Path, Parameter(("--out", "-o"), help="The folder for the results.")],
    method: Annotated[
        tuple[str, ...],
        Parameter("--method", help="A method; may be repeated (see: vitviz views)."),
    ] = USUAL,
    model: Annotated[str, MODEL] = "",
    about: Annotated[str, TARGET] = "",
    fill: Annotated[Fill, Parameter(help="What hidden patches show.")] = "mean",
    maps: Annotated[int, Parameter(help="Random maps of each picture.")] = RANDOM_MAPS,
    without_road: Annotated[
        bool,
        Parameter(help="Leave ROAD out, which takes as long as deletion and insertion together."),
    ] = False,
    marks: Annotated[
        Path | None,
        Parameter(
            help="A folder of masks, each called like its picture, white where the answer is."
        ),
    ] = None,
    steps: Annotated[
        int, Parameter(help="Steps of integrated gradients, samples of SmoothGrad, masks of RISE.")
    ] = 20,
    patch: Annotated[int | None, PATCH] = None,
    input_size: Annotated[str, PIXELS] = "",
    device: Annotated[str, DEVICE] = "auto",
    untrained: Annotated[bool, UNTRAINED] = False,
    said: SaidOfModel | None = None,
    parts: PictureParts | None = None,
    overwrite: Annotated[bool, OVERWRITE] = False,
    printing: Printing | None = None,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Rate methods against random maps by deletion, insertion, ROAD; goes on where it stopped.

    Pictures in folders that are called by classes are put in mosaics of four classes too (GridPG,
    pointing game); pictures with masks are rated by how their maps fit them.
    """
    from vitviz.figures.save import save
    from vitviz.folders.rating.picture_rating import RatingPlan
    from vitviz.folders.rating.rate_folder import rate_folder, rating_figure

    if not folder.is_dir():
        raise Misused(f"there is no folder {folder}; name one with pictures")
    if marks is not None and not marks.is_dir():
        raise Misused(f"there is no folder {marks}; name one with masks called like the pictures")
    if maps < 1:
        raise Misused(f"{maps} random maps are too few to stand beside the methods; give 1 or more")
    target = pictured(target_of(about))
    plan = RatingPlan(methods_named(method), target, fill, steps, maps, not without_road)
    choice = (parts or PictureParts()).choice
    wanted = (said or SaidOfModel()).of_folder(
        model_named(model), patch, input_size, device, untrained=untrained
    )
    loaded = wanted.load(meter())
    info = loaded.info
    say_assumed(info)
    settings: dict[str, Any] = {
        "rate": list(plan.methods),
        "model": info.called,
        "weights": info.weights_hash or info.weights,
        "patch": info.patch,
        "input size": info.input_size,
        "precision": info.precision,
        "target": str(plan.target),
        "fill": fill,
        "steps": steps,
        "maps": maps,
        "road": plan.road,
        **({"marks": str(marks.resolve())} if marks else {}),
        "folder": str(folder.resolve()),
        **choice.said,
        **({"said": list(info.said)} if info.said else {}),
    }
    found = rate_folder(
        loaded,
        folder,
        out,
        plan,
        settings,
        marks=marks,
        choice=choice,
        anew=overwrite,
        progress=meter(),
    )
    caption = _caption(found, info.called, plan, loaded.labels)
    figure = out / "rating.png"
    save(
        rating_figure(found, caption),
        figure,
        paper=(printing or Printing()).paper(),
        overwrite=True,
    )
    return _said(found, figure, as_json, [each.value for each in assumed(info.evidence)])


def methods_named(texts: tuple[str, ...]) -> tuple[Method, ...]:
    """The methods of these names. Misused for one that there is not."""
    known: dict[str, Method] = {name.lower(): name for name in get_args(Method)}
    wrong = [text for text in texts if text.lower() not in known]
    if wrong:
        raise Misused(f"there is no method {wrong[0]!r}; there are: {', '.join(known.values())}")
    return tuple(dict.fromkeys(known[text.lower()] for text in texts))


def _caption(found: FolderRating, model: str, plan: RatingPlan, labels: Sequence[str]) -> str:
    mosaics = f" Quarter: of a mosaic of four classes, {found.graded}." if found.graded else ""
    marked = f" Mark: a mask of its own, {found.marked} pictures." if found.marked else ""
    road = (
        " ROAD: 10 to 90 % of the patches removed, foretold by what is around them with noise of "
        "0.01; half of the least important first minus the most important first."
        if plan.road
        else ""
    )
    left = "".join(f" Left out: {name}, {why}." for name, why in found.refused.items())
    return (
        f"{model}, {plan.target.words(labels)}. Deletion and insertion by patches in {STEPS} steps, "
        f"0 to 100 %, hidden patches: {plan.fill}; areas under the probability where there is one; "
        f"random: {plan.maps} random map{'s' * (plan.maps != 1)} of each picture. Intervals: 95 %, "
        f"bootstrap over pictures.{road}{mosaics}{marked}{left}"
    )


def _said(found: FolderRating, figure: Path, as_json: bool, guesses: list[str]) -> int:
    from vitviz.folders.rating.rate_folder import MEASURE_WORDS, ordered

    files = [str(file) for file in (*found.files, figure)]
    if as_json:
        print_json(
            {
                "done": found.done,
                "before": found.before,
                "files": files,
                "broken": [{"picture": file, "why": why} for file, why in found.broken],
                "means": found.means,
                "times_random": found.times,
                "refused": found.refused,
                **({"assumed": guesses} if guesses else {}),
            }
        )
    else:
        for name in ordered(found):
            measures = found.means[name]
            said = (
                f"{MEASURE_WORDS[each]} {mean.mean:.3f} [{mean.low:.3f}, {mean.high:.3f}]"
                for each, mean in measures.items()
                if mean.count
            )
            print(f"{name:22} {'  '.join(said)}")
        print(f"{found.done} pictures rated, {found.before} were there before, in {figure.parent}")
        remark(*(f"{name}: {why}" for name, why in found.refused.items()))
        remark_broken(found.broken)
    return 3 if found.broken else 0
