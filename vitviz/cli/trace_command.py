"""The command that writes the raw attention of a picture: trace."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vitviz.cli.command_arguments import (
    DEVICE,
    FEATURES,
    FIT,
    JSON,
    LOGITS,
    MODEL,
    OVERWRITE,
    PATCH,
    PIXELS,
    QKV,
    TOKEN,
    UNTRAINED,
    Misused,
    meter,
    print_json,
    say_file,
    token_of,
)
from vitviz.cli.figure_files import (
    STDOUT_FILE,
    check_alone,
    written_file,
)
from vitviz.cli.model_arguments import (
    MODELS_KEPT,
    SaidOfModel,
    check_chosen,
    model_named,
    say_assumed,
    say_preparations,
)
from vitviz.cli.picture_sources import PictureParts, opened_picture, stem_of
from vitviz.core.data.evidence import assumed
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Fit
from vitviz.core.files import check_place, fitting_name, whole
from vitviz.core.progress import Unsupported
from vitviz.session.work.model_cache import ModelCache
from vitviz.views.api import selection_of

if TYPE_CHECKING:
    from vitviz.models import Model


def trace(
    picture: Annotated[str, Parameter(help="The picture's file.")],
    /,
    *,
    model: Annotated[str, MODEL] = "",
    out: Annotated[Path | None, Parameter(("--out", "-o"), help="The file, .npz.")] = None,
    token: Annotated[str, TOKEN] = "",
    matrices: Annotated[
        bool, Parameter(help="The whole attention matrix of every head too; large.")
    ] = False,
    features: Annotated[bool, FEATURES] = False,
    logits: Annotated[bool, LOGITS] = False,
    qkv: Annotated[bool, QKV] = False,
    patch: Annotated[int | None, PATCH] = None,
    input_size: Annotated[str, PIXELS] = "",
    fit: Annotated[Fit, FIT] = "crop",
    device: Annotated[str, DEVICE] = "auto",
    untrained: Annotated[bool, UNTRAINED] = False,
    said: SaidOfModel | None = None,
    overwrite: Annotated[bool, OVERWRITE] = False,
    parts: PictureParts | None = None,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Write the raw attention of a picture: one token's rows of all layers and heads.

    Features, logits, and queries, keys and values go into files of their own beside it.
    """
    from vitviz.figures.raw import raw_attention

    target = out or Path(fitting_name(stem_of(picture), "-attention.npz"))
    if target.suffix.lower() != ".npz" and target != STDOUT_FILE:
        raise Misused(f"{target.name} cannot hold arrays; name a .npz file")
    asked = {"features": features, "logits": logits, "qkv": qkv}
    beside = {name: target.with_stem(f"{target.stem}-{name}") for name in asked if asked[name]}
    check_alone(target, as_json=as_json, beside=bool(beside))
    for each in () if target == STDOUT_FILE else (target, *beside.values()):
        check_place(each, overwrite=overwrite)
    request = (said or SaidOfModel()).of_pictures(
        model_named(model), patch, input_size, fit, device, untrained=untrained
    )
    choice = (parts or PictureParts()).choice
    cache = ModelCache(MODELS_KEPT)
    loaded = cache.load(request, meter())
    check_chosen(loaded, token_of(token), None)
    say_assumed(loaded.info)
    opened = opened_picture(picture, choice)
    ways = say_preparations(loaded, opened, fit)
    found = cache.trace(request, opened, meter())
    selection = selection_of(found, token=token_of(token))
    data, about = raw_attention(found, selection, matrices=matrices)
    with (
        written_file(target, "npz", overwrite=overwrite) as file,
        whole(file, overwrite=overwrite) as unfinished,
    ):
        unfinished.write_bytes(data)
    if target == STDOUT_FILE:
        return 0
    if beside:
        _write_beside(cache.load(request, meter()), Path(picture), fit, beside, overwrite)
    if as_json:
        others = {name: str(file) for name, file in beside.items()}
        guesses = [each.value for each in assumed(loaded.info.evidence)]
        told = {"file": str(target), **about, "assumed": guesses}
        told |= {"preparations": ways} if ways else {}
        print_json(told | ({"beside": others} if others else {}))
    else:
        for each in (target, *beside.values()):
            say_file(each)
    return 0


def _write_beside(
    model: Model, picture: Path, fit: Fit, beside: Mapping[str, Path], overwrite: bool
) -> None:
    """Arrays that a trace does not hold, each in a file of its own. Unsupported where there is none."""
    from vitviz.folders.picture_arrays import arrays_npz
    from vitviz.folders.picture_traces import LeftOut, PictureTraces

    asked = PictureTraces(
        model, fit=fit, features=bool({"features", "logits"} & set(beside)), qkv="qkv" in beside
    )
    found = next(asked.of([picture]))
    if isinstance(found, LeftOut):
        raise Unsupported(found.why)
    for name, file in beside.items():
        with whole(file, overwrite=overwrite) as unfinished:
            unfinished.write_bytes(arrays_npz(found, Selection(), name))
