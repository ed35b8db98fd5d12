"""The command that writes a card for a checkpoint: what the file does not say, to lie beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from vitviz.cli.command_arguments import OVERWRITE, PIXELS, Misused, meter, remark, say_file
from vitviz.cli.model_arguments import SaidOfModel, input_sides
from vitviz.cli.picture_sources import named_pictures, opened_picture
from vitviz.core.data.evidence import assumed_sentence
from vitviz.core.data.picture_choice import AS_IT_IS
from vitviz.core.data.prediction import percent
from vitviz.core.files import check_place, whole
from vitviz.core.printable import printable
from vitviz.session.work.model_cache import ModelCache
from vitviz.session.work.request import ModelRequest

_BYTES = 2**30
_PICTURE = Parameter(
    "--picture",
    help="Also say what is predicted of this picture with each likely mean, std and crop (* is taken); "
    "may be repeated.",
)


def card(
    file: Annotated[Path, Parameter(help="The checkpoint file.")],
    /,
    *,
    out: Annotated[
        Path | None,
        Parameter(("--out", "-o"), help="The card, .json; FILE's own name where nothing is said."),
    ] = None,
    input_size: Annotated[str, PIXELS] = "",
    said: SaidOfModel | None = None,
    picture: Annotated[tuple[str, ...], _PICTURE] = (),
    overwrite: Annotated[bool, OVERWRITE] = False,
) -> int:
    """Write a checkpoint's card, which is read beside the file: architecture, sizes, mean, classes.

    What is assumed is written too and said: change it in the card where it is wrong. Pictures of which
    you know the classes tell how they are to be prepared.
    """
    target = out or file.with_suffix(".json")
    if target.suffix.lower() != ".json":
        raise Misused(f"a card is a .json file, and {target.name} is none")
    check_place(target, overwrite=overwrite)
    from vitviz.models import write_card

    words = said or SaidOfModel()
    found, evidence = write_card(
        file, words.architecture or None, input_size=input_sides(input_size), facts=words.facts
    )
    if picture:
        _say_ways(str(file), words, input_sides(input_size), picture)
    with whole(target, overwrite=overwrite) as unfinished:
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2))
    if guesses := assumed_sentence(evidence):
        remark(f"{guesses}: check these in {target.name}, which says them from now on")
    say_file(target)
    return 0


def _say_ways(
    file: str,
    words: SaidOfModel,
    input_size: int | tuple[int, int] | None,
    pictures: tuple[str, ...],
) -> None:
    """What the model predicts of pictures with each likely mean, std and crop, on standard output."""
    from vitviz.models.tracing.preparation_answers import preparation_answers

    request = words.of(ModelRequest(file, input_size=input_size))
    model = ModelCache(_BYTES).load(request, meter())
    opened = [opened_picture(each, AS_IT_IS) for each in named_pictures(pictures)]
    found = preparation_answers(model, opened, progress=meter())
    if model.info.classes == 0:
        remark(f"{model.info.called} has no head, so no prediction tells how pictures are prepared")
    width = max((len(each.preparation.name) for each in found), default=0)
    for each in found if model.info.classes else ():
        best = ", ".join(f"{one.name} {percent(one.share)}" for one in each.best)
        way = f"{each.preparation.name:<{width}}  crop {each.preparation.crop_pct:<5g}"
        print(printable(f"{'*' if each.taken else ' '} {way}  {best}"))
