"""The commands that index a folder and ask the index: index and find."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from vitviz.cli.batch_command import shown_progress, workers_of
from vitviz.cli.command_arguments import (
    DEVICE,
    FIT,
    JSON,
    LAYER,
    MODEL,
    OVERWRITE,
    PATCH,
    PIXELS,
    UNTRAINED,
    Misused,
    Printing,
    meter,
    print_json,
    remark_broken,
    token_of,
)
from vitviz.cli.model_arguments import SaidOfModel, say_assumed
from vitviz.cli.picture_sources import PictureParts
from vitviz.core.data.evidence import assumed
from vitviz.core.data.trace import Fit
from vitviz.core.files import check_place
from vitviz.core.storage import place_of
from vitviz.folders.index.index_query import IndexAnswer, excited, where_else
from vitviz.folders.index.index_run import IndexOrder, index_folder
from vitviz.folders.index.vector_index import VectorIndex, open_index

_KIND = Parameter(
    "--of",
    help="What is kept of each token: tokens after the layer, its queries, keys or values, or heads: "
    "the length of each head's output.",
)


def index(
    folder: Annotated[Path, Parameter(help="A folder of pictures, with the folders in it.")],
    /,
    *,
    out: Annotated[Path, Parameter(("--out", "-o"), help="The folder of the index.")],
    model: Annotated[str, MODEL] = "",
    layer: Annotated[int, LAYER] = -1,
    of: Annotated[Literal["tokens", "queries", "keys", "values", "heads"], _KIND] = "tokens",
    patch: Annotated[int | None, PATCH] = None,
    input_size: Annotated[str, PIXELS] = "",
    fit: Annotated[Fit, FIT] = "crop",
    device: Annotated[str, DEVICE] = "auto",
    untrained: Annotated[bool, UNTRAINED] = False,
    said: SaidOfModel | None = None,
    size: Annotated[int, Parameter("--batch", help="Pictures in one pass.")] = 8,
    workers: Annotated[int | None, Parameter(help="How many read beside the model.")] = None,
    parts: PictureParts | None = None,
    overwrite: Annotated[bool, OVERWRITE] = False,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Keep a vector of every patch of a folder's pictures, to be searched; reads only what is new."""
    chosen = (said or SaidOfModel()).of_folder(
        model, patch, input_size, device, untrained=untrained
    )
    beside = workers_of(size, workers)
    choice = (parts or PictureParts()).choice
    order = IndexOrder(folder, of, layer, chosen, fit, size, beside, choice)
    loaded = chosen.load(meter())
    say_assumed(loaded.info)
    with shown_progress() as progress:
        found = index_folder(order, out, model=loaded, overwrite=overwrite, progress=progress)
    broken = [{"picture": file, "why": why} for file, why in found.broken]
    if as_json:
        counts = {"added": found.added, "before": found.before, "gone": found.gone}
        guesses = [each.value for each in assumed(loaded.info.evidence)]
        told = {"assumed": guesses} if guesses else {}
        print_json({**counts, "broken": broken, "index": str(place_of(out)), **told})
    else:
        gone = f", {found.gone} no longer in the folder" if found.gone else ""
        before = f", {found.before} were there before" if found.before else ""
        print(
            f"{found.added} pictures added{before}{gone}: {found.about.words}, in {place_of(out)}"
        )
        remark_broken(found.broken)
    return 3 if broken else 0


def find(
    place: Annotated[Path, Parameter(help="An index that vitviz index made.")],
    /,
    *,
    picture: Annotated[
        Path | None, Parameter("--picture", help="Look for something like a patch of this picture.")
    ] = None,
    token: Annotated[
        tuple[str, ...],
        Parameter(
            "--token", help="The patch as ROW,COL, or class; several are looked for together."
        ),
    ] = (),
    unlike: Annotated[
        tuple[str, ...], Parameter("--not", help="A patch of the picture that it is not like.")
    ] = (),
    head: Annotated[
        int | None, Parameter(help="Which pictures excite this head, from 0 (index of heads).")
    ] = None,
    feature: Annotated[
        int | None, Parameter(help="Which pictures excite this number of the vectors, from 0.")
    ] = None,
    most: Annotated[int, Parameter(("--most", "-n"), help="How many pictures.")] = 12,
    out: Annotated[
        Path | None, Parameter(("--out", "-o"), help="Also a figure with the places outlined.")
    ] = None,
    overwrite: Annotated[bool, OVERWRITE] = False,
    printing: Printing | None = None,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Ask an index: where else is this patch, or which pictures excite a head or a feature."""
    if out is not None:
        check_place(out, overwrite=overwrite)
    opened = open_index(place)
    answer = _answer(opened, picture, token, unlike, head, feature, max(1, most))
    if as_json:
        print_json(_listed(opened, answer))
    else:
        for each in answer.places:
            where = opened.about.grid.name(each.token)
            print(f"{each.score:8.4f}  {where:>10}  {each.entry.name}")
    if out is not None:
        from vitviz.figures.save import save
        from vitviz.folders.index.answer_drawing import answer_drawing

        drawing = answer_drawing(opened, answer)
        save(drawing, out, paper=(printing or Printing()).paper(), overwrite=overwrite)
    return 0


def _answer(
    opened: VectorIndex,
    picture: Path | None,
    token: tuple[str, ...],
    unlike: tuple[str, ...],
    head: int | None,
    feature: int | None,
    most: int,
) -> IndexAnswer:
    asked = [each for each in (picture, head, feature) if each is not None]
    if len(asked) != 1:
        raise Misused("ask with one of --picture (and --token), --head or --feature")
    if picture is not None:
        tokens = [token_of(each) for each in token] or [None]
        others = [token_of(each) for each in unlike]
        return where_else(opened, picture, tokens, unlike=others, count=most, progress=meter())
    if (head is not None) != opened.about.by_length:
        raise Misused(
            f"{opened.place} is an index of {opened.about.kind}: ask it with "
            + ("--head" if opened.about.by_length else "--feature or --picture")
        )
    if len(token) > 1:
        raise Misused("a head or feature is asked about one token")
    column = head if head is not None else feature
    assert column is not None
    return excited(opened, column, token=token_of("".join(token)), count=most)


def _listed(opened: VectorIndex, answer: IndexAnswer) -> dict[str, object]:
    places = [
        {
            "picture": each.entry.name,
            "token": opened.about.grid.name(each.token),
            "score": each.score,
            "key": each.entry.key,
        }
        for each in answer.places
    ]
    return {"asked": answer.asked, "score": answer.label, "places": places}
