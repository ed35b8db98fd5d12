"""The command for any number of pictures: batch."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from vitviz.cli.command_arguments import (
    DEVICE,
    FEATURES,
    FIT,
    HEAD,
    JSON,
    LAYER,
    LOGITS,
    MODEL,
    OPTION,
    PATCH,
    PIXELS,
    QKV,
    TOKEN,
    UNTRAINED,
    Misused,
    Printing,
    meter,
    option_values,
    print_json,
    reasons,
    remark,
    token_of,
    view_named,
)
from vitviz.cli.model_arguments import SaidOfModel, check_chosen, say_assumed
from vitviz.cli.picture_sources import PictureParts
from vitviz.core.data.evidence import Evidence, assumed
from vitviz.core.data.trace import Fit
from vitviz.core.printable import printable
from vitviz.core.progress import Progress
from vitviz.core.storage import place_of
from vitviz.folders.batch import BatchOutcome

_PLAIN_EVERY = 5.0
"""Seconds between lines where there is no terminal."""

SHARD = Parameter("--shard", help="I/N: this machine's part of the folder, from 1/N to N/N.")

ENGINE = Parameter(
    "--engine",
    help="ray: workers of a Ray cluster (RAY_ADDRESS, else this machine) share the parts.",
)
ACTORS = Parameter("--actors", help="How many workers, each with a model of its own.")
GPUS = Parameter("--gpus-per-actor", help="What share of a GPU each worker is given.")

FileKind = Literal["png", "svg", "pdf", "tiff", "npz", "csv", "mp4"]


def batch(
    folder: Annotated[
        Path, Parameter(help="A folder of pictures with the folders in it, or a film.")
    ],
    /,
    *,
    out: Annotated[Path, Parameter(("--out", "-o"), help="The folder for the results.")],
    view: Annotated[
        tuple[str, ...], Parameter(("--view", "-v"), help="A view; may be repeated.")
    ] = (),
    model: Annotated[str, MODEL] = "",
    kind: Annotated[
        tuple[FileKind, ...],
        Parameter(
            ("--kind", "-k"),
            help="Files of each view; may be repeated (png). mp4: a film's frames joined again.",
        ),
    ] = ("png",),
    rows: Annotated[
        bool, Parameter("--rows", help="Also the token's attention of all layers and heads.")
    ] = False,
    features: Annotated[bool, FEATURES] = False,
    logits: Annotated[bool, LOGITS] = False,
    qkv: Annotated[bool, QKV] = False,
    numbers: Annotated[
        Literal["npz", "csv", "parquet"],
        Parameter("--numbers", help="Arrays as files beside each other, or as one data set (npz)."),
    ] = "npz",
    token: Annotated[str, TOKEN] = "",
    layer: Annotated[int | None, LAYER] = None,
    head: Annotated[int | None, HEAD] = None,
    option: Annotated[tuple[str, ...], OPTION] = (),
    one_range: Annotated[
        bool, Parameter("--one-range", help="One colour range for all pictures; runs them twice.")
    ] = False,
    shard: Annotated[str, SHARD] = "1/1",
    patch: Annotated[int | None, PATCH] = None,
    input_size: Annotated[str, PIXELS] = "",
    fit: Annotated[Fit, FIT] = "crop",
    device: Annotated[str, DEVICE] = "auto",
    untrained: Annotated[bool, UNTRAINED] = False,
    said: SaidOfModel | None = None,
    size: Annotated[int, Parameter("--batch", help="Pictures in one pass.")] = 8,
    workers: Annotated[
        int | None, Parameter(help="How many read and write beside the model.")
    ] = None,
    overwrite: Annotated[
        bool, Parameter(help="Make everything anew instead of going on where it stopped.")
    ] = False,
    engine: Annotated[Literal["", "ray"], ENGINE] = "",
    actors: Annotated[int, ACTORS] = 2,
    gpus_per_actor: Annotated[float, GPUS] = 0.0,
    profile: Annotated[
        bool, Parameter("--profile", help="Say where the time went: decode, model, rows, write.")
    ] = False,
    parts: PictureParts | None = None,
    printing: Printing | None = None,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Draw views, or write numbers, of all pictures in a folder; goes on where it stopped."""
    from vitviz.folders.batch_call import batch as run_batch

    if not (view or rows or features or logits or qkv):
        raise Misused(
            "say what to make: --view NAME, or --rows, --features, --logits, --qkv for the numbers"
        )
    beside = workers_of(size, workers)
    chosen = [view_named(name) for name in view]
    if pair := next((one.name for one in chosen if one.traces == 2), ""):
        raise Misused(f"{pair} compares two; draw it with: vitviz draw --against")
    wanted = (said or SaidOfModel()).of_folder(
        model, patch, input_size, device, untrained=untrained
    )
    loaded = wanted.load(meter())
    check_chosen(loaded, token_of(token), layer)
    say_assumed(loaded.info)
    with shown_progress() as progress:
        found = run_batch(
            folder,
            out=out,
            view=view,
            model=wanted if engine == "ray" else loaded,
            kind=kind,
            rows=rows,
            features=features,
            logits=logits,
            qkv=qkv,
            numbers=numbers,
            token=token_of(token),
            layer=layer,
            head=head,
            options=_values(chosen, option),
            one_range=one_range,
            shard=shard_of(shard),
            fit=fit,
            size=size,
            workers=beside,
            choice=(parts or PictureParts()).choice,
            overwrite=overwrite,
            paper=(printing or Printing()).paper(),
            engine=engine,
            actors=actors,
            gpus_per_actor=gpus_per_actor,
            progress=progress,
        )
    return _said(found, place_of(out), as_json, profile, assumed(loaded.info.evidence))


def _values(chosen: list[Any], texts: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The options of each view: an option goes to the views that have it, and one must."""
    found: dict[str, dict[str, Any]] = {view.name: {} for view in chosen}
    for text in texts:
        name = text.partition("=")[0]
        having = [view for view in chosen if any(each.name == name for each in view.options)]
        for view in having or chosen[:1]:
            found[view.name] |= option_values(view, [text])
    return found


def workers_of(size: int, workers: int | None) -> int:
    """How many read beside the model. Misused for numbers below 1."""
    if size < 1 or (workers is not None and workers < 1):
        raise Misused("--batch and --workers are 1 or more")
    return workers or max(1, (os.cpu_count() or 2) - 1)


def shard_of(text: str) -> tuple[int, int]:
    """I/N as numbers. Misused for what is none."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise Misused(f"the shard {text!r} is not I/N, such as 1/4, 2/4, 3/4, 4/4")
    return int(found[1]), int(found[2])


def _said(
    found: BatchOutcome, out: Path, as_json: bool, profile: bool, guesses: tuple[Evidence, ...]
) -> int:
    if as_json:
        broken = [{"picture": file, "why": why} for file, why in found.broken]
        told: dict[str, Any] = {"done": found.done, "before": found.before, "broken": broken}
        if guesses:
            told["assumed"] = [each.value for each in guesses]
        print_json({**told, "out": str(out), **({"seconds": found.seconds} if profile else {})})
        return 3 if found.broken else 0
    before = f", {found.before} were there before" if found.before else ""
    print(f"{found.done} pictures done{before}, in {out}")
    if found.broken:
        print(f"{len(found.broken)} could not be used, see {found.report}")
        remark(*reasons(found.broken))
    if profile:
        spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found.seconds.items())
        print(f"{spent}; stages go on side by side, and each thread's seconds count")
    return 3 if found.broken else 0


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Progress with rate and time left: a bar on a terminal, now and then a line elsewhere."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    started = time.monotonic()
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, rate="")

        def report(done: float, total: float, what: str = "") -> None:
            rate = f"{done / max(time.monotonic() - started, 1e-6):.1f}/s"
            said = printable(what)[:40].replace("[", "\\[")  # a name is no markup
            bar.update(task, completed=done, total=total, description=said, rate=rate)

        yield report


def _lines() -> Progress:
    started = last = time.monotonic()

    def report(done: float, total: float, what: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _PLAIN_EVERY or not done:
            return
        last, rate = now, done / (now - started)
        left = (total - done) / rate
        print(f"{done:.0f} of {total:.0f}, {rate:.1f} a second, {left:.0f} s left", file=sys.stderr)

    return report
