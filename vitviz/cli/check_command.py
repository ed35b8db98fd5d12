"""Every kind of network with attention tried once: a table, and how many are as they should be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from vitviz.cli.command_arguments import meter, print_json
from vitviz.core.notation import shown_number

if TYPE_CHECKING:
    from vitviz.models.model_check import CheckedModel

_HEAD = ("module", "model", "calls", "error", "mapping", "seconds")
_WIDE = (26, 36, 5, 7, 24, 7)


def check_families(modules: Sequence[str], *, as_json: bool) -> int:
    """Prints what each file of timm's representative showed, then each network of torchvision's and
    transformers'; 0 when all were captured and verified."""
    from vitviz.models.library_check import LIBRARIES, check_libraries
    from vitviz.models.model_check import check

    libraries = [each for each in LIBRARIES if not modules or each in modules]
    files = [each for each in modules if each not in LIBRARIES]
    found = []
    if not as_json:
        print(_line(_HEAD))
    timms = check(files, meter()) if files or not modules else iter(())
    for one in chain(timms, check_libraries(libraries, meter())):
        found.append(one)
        if not as_json:
            print(_line(_cells(one)), flush=True)
    good, mapped = sum(one.good for one in found), sum(one.mapped for one in found)
    if as_json:
        totals = {"captured and verified": good, "laid over the picture": mapped, "of": len(found)}
        print_json({"modules": [_data(one) for one in found], **totals})
    else:
        print(f"captured and verified {good} of {len(found)}, laid over the picture {mapped}")
    return 0 if found and good == len(found) else 1


def _cells(one: CheckedModel) -> tuple[str, ...]:
    what = one.why or ", ".join(one.mapping)
    error = shown_number(one.verified, 1)
    return one.module, one.model, str(one.calls), error, what, f"{one.seconds:.1f}"


def _line(cells: Sequence[str]) -> str:
    return " ".join(f"{cell:<{width}}" for cell, width in zip(cells, _WIDE, strict=True)).rstrip()


def _data(one: CheckedModel) -> dict[str, Any]:
    names = ("module", "model", "calls", "verified", "mapping", "seconds", "why", "good", "mapped")
    return {name: getattr(one, name) for name in names}
