"""The commands for averages over folders: stats and merge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from vitviz.cli.batch_command import (
    ACTORS,
    ENGINE,
    GPUS,
    SHARD,
    shard_of,
    shown_progress,
    workers_of,
)
from vitviz.cli.command_arguments import (
    DEVICE,
    FIT,
    JSON,
    MODEL,
    OVERWRITE,
    PATCH,
    PIXELS,
    TOKEN,
    UNTRAINED,
    Misused,
    Printing,
    meter,
    print_json,
    remark,
    remark_broken,
    token_of,
)
from vitviz.cli.model_arguments import SaidOfModel, say_assumed
from vitviz.cli.picture_sources import PictureParts
from vitviz.core.data.evidence import Evidence, assumed
from vitviz.core.data.trace import Fit
from vitviz.core.storage import place_of
from vitviz.folders.averages.folder_statistics import (
    FolderStatistics,
    merged_statistics,
    read_statistics,
)
from vitviz.folders.averages.statistics_files import save_statistics
from vitviz.folders.averages.statistics_run import StatisticsOrder, statistics_of
from vitviz.folders.ray_engine import RayCluster, threads_of

Measure = Literal[
    "distance",
    "entropy",
    "shares",
    "norms",
    "positions",
    "importance",
    "cka",
    "rollout",
    "attention",
]
_OUT = Parameter(
    ("--out", "-o"),
    help="The file: arrays as .npz, a table as .csv or .parquet, or a figure as .pdf, .png, .svg, "
    ".tiff.",
)
_MEASURES = Parameter(("--view", "-v"), help="What is averaged; may be repeated.")


def stats(
    folder: Annotated[Path, Parameter(help="A folder of pictures, with the folders in it.")],
    /,
    *,
    out: Annotated[Path, _OUT],
    view: Annotated[tuple[Measure, ...], _MEASURES] = (),
    model: Annotated[str, MODEL] = "",
    token: Annotated[str, TOKEN] = "",
    rows: Annotated[
        bool, Parameter("--rows", help="Keep every picture's own numbers too, with quantiles.")
    ] = False,
    shard: Annotated[str, SHARD] = "1/1",
    patch: Annotated[int | None, PATCH] = None,
    input_size: Annotated[str, PIXELS] = "",
    fit: Annotated[Fit, FIT] = "crop",
    device: Annotated[str, DEVICE] = "auto",
    untrained: Annotated[bool, UNTRAINED] = False,
    said: SaidOfModel | None = None,
    size: Annotated[int, Parameter("--batch", help="Pictures in one pass.")] = 8,
    workers: Annotated[int | None, Parameter(help="How many read beside the model.")] = None,
    parts: PictureParts | None = None,
    engine: Annotated[Literal["", "ray"], ENGINE] = "",
    actors: Annotated[int, ACTORS] = 2,
    gpus_per_actor: Annotated[float, GPUS] = 0.0,
    overwrite: Annotated[bool, OVERWRITE] = False,
    printing: Printing | None = None,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Average over the pictures of a folder; goes on where it stopped."""
    if not view:
        raise Misused("say what to average: --view distance, for example (see --help)")
    chosen = (said or SaidOfModel()).of_folder(
        model, patch, input_size, device, untrained=untrained
    )
    order = StatisticsOrder(
        folder,
        view,
        model=chosen,
        token=token_of(token),
        fit=fit,
        rows=rows,
        shard=shard_of(shard),
        size=size,
        workers=workers_of(size, workers),
        choice=(parts or PictureParts()).choice,
    )
    paper = (printing or Printing()).paper()
    cluster = RayCluster(actors, gpus_per_actor, threads_of(actors)) if engine == "ray" else None
    loaded = chosen.load(meter())
    say_assumed(loaded.info)
    with shown_progress() as progress:
        found = statistics_of(
            order,
            out,
            model=loaded,
            paper=paper,
            overwrite=overwrite,
            cluster=cluster,
            progress=progress,
        )
    return _said(found, [place_of(out)], as_json, assumed(loaded.info.evidence))


def merge(
    *parts: Annotated[Path, Parameter(help="Files (.npz) of vitviz stats --shard.")],
    out: Annotated[Path, _OUT],
    view: Annotated[
        tuple[Measure, ...], Parameter(("--view", "-v"), help="What a figure shows; all by itself.")
    ] = (),
    overwrite: Annotated[bool, OVERWRITE] = False,
    printing: Printing | None = None,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Put averages of parts of a folder together, or draw averages that were saved."""
    if not parts:
        raise Misused("say which files to merge: vitviz merge 1.npz 2.npz -o all.npz")
    found = merged_statistics([read_statistics(part) for part in parts])
    paper = (printing or Printing()).paper()
    files = save_statistics(found, out, views=view, paper=paper, overwrite=overwrite)
    return _said(found, files, as_json)


def _said(
    found: FolderStatistics, files: list[Path], as_json: bool, guesses: tuple[Evidence, ...] = ()
) -> int:
    if as_json:
        broken = [{"picture": file, "why": why} for file, why in found.broken]
        made = [str(file) for file in files]
        known = {"used": found.used, "broken": broken, "missing": found.missing, "files": made}
        said = {"assumed": [each.value for each in guesses]} if guesses else {}
        print_json(known | said)
    else:
        print(f"{found.used} pictures averaged, in {files[0]}")
        remark_broken(found.broken)
        if found.missing:
            remark(
                f"{len(found.missing)} of {found.about.parts} parts are not in it yet; merge it with "
                "the other shards"
            )
    return 3 if found.broken else 0
