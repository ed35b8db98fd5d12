"""The command that writes a card for a checkpoint: what the file does not say, to lie beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from vitviz.cli.command_arguments import OVERWRITE, PIXELS, Misused, remark, say_file
from vitviz.cli.model_arguments import SaidOfModel, input_sides
from vitviz.core.data.evidence import assumed_sentence
from vitviz.core.files import check_place, whole


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
    overwrite: Annotated[bool, OVERWRITE] = False,
) -> int:
    """Write a checkpoint's card, which is read beside the file: architecture, sizes, mean, classes.

    What is assumed is written too and said: change it in the card where it is wrong.
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
    with whole(target, overwrite=overwrite) as unfinished:
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2))
    if guesses := assumed_sentence(evidence):
        remark(f"{guesses}: check these in {target.name}, which says them from now on")
    say_file(target)
    return 0
