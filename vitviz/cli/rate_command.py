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
from vitviz.views.api import pictured

if TYPE_CHECKING:
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
    """Rate methods by deletion and insertion against random maps; goes on where it stopped."""
    from vitviz.figures.save import save
    from vitviz.folders.rating.picture_rating import RatingPlan
    from vitviz.folders.rating.rate_folder import rate_folder, rating_figure

    if not folder.is_dir():
        raise Misused(f"there is no folder {folder}; name one with pictures")
    choice = (parts or PictureParts()).choice
    plan = RatingPlan(methods_named(method), pictured(target_of(about)), fill, steps)
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
        "folder": str(folder.resolve()),
        **choice.said,
        **({"said": list(info.said)} if info.said else {}),
    }
    found = rate_folder(
        loaded, folder, out, plan, settings, choice=choice, anew=overwrite, progress=meter()
    )
    caption = _caption(found, info.called, plan.target.words(loaded.labels), fill)
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


def _caption(found: FolderRating, model: str, target: str, fill: Fill) -> str:
    from vitviz.core.measures.faithfulness import RANDOM_MAPS, STEPS

    mosaics = f" Grid share: mosaics of four classes, {found.graded}." if found.graded else ""
    left = "".join(f" Left out: {name}, {why}." for name, why in found.refused.items())
    return (
        f"{model}, {target}. Deletion and insertion by patches in {STEPS} steps, 0 to 100 %, hidden "
        f"patches: {fill}; areas under the probability where there is one; random: {RANDOM_MAPS} "
        "random "
        f"maps of each picture. Intervals: bootstrap over pictures.{mosaics}{left}"
    )


def _said(found: FolderRating, figure: Path, as_json: bool, guesses: list[str]) -> int:
    from vitviz.folders.rating.rate_folder import ordered

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
            deletion, insertion = (found.means[name][each] for each in ("deletion", "insertion"))
            print(
                f"{name:22} deletion {deletion.mean:.3f} [{deletion.low:.3f}, {deletion.high:.3f}]  "
                f"insertion {insertion.mean:.3f} [{insertion.low:.3f}, {insertion.high:.3f}]"
            )
        print(f"{found.done} pictures rated, {found.before} were there before, in {figure.parent}")
        remark(*(f"{name}: {why}" for name, why in found.refused.items()))
        remark_broken(found.broken)
    return 3 if found.broken else 0
