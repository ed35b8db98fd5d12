"""The index of timm's architectures: made once for a version of timm, read in a moment.

`python -m vitviz.models.loading.architectures.index` makes the one that comes with vitviz.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

from vitviz.core.files import whole
from vitviz.core.progress import Progress, silent
from vitviz.core.resources import resource
from vitviz.models.catalogue.catalogue import cache_file
from vitviz.models.families import anatomy_of
from vitviz.models.loading.architectures.facts import FACTS, Fact, facts_of
from vitviz.models.loading.architectures.marks import FIRST, Shaped, exact, groups, is_on_path
from vitviz.models.loading.architectures.shapes_only import shapes_only

FILE = "architectures.json"

AFTER = frozenset({"norm", "fc_norm", "norm_head", "head_norm", "neck"})
"""What comes after the last attention: a file may lack it, and every map is still the model's own."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """One of timm's, without a training: the marks of its tensors and what no shape shows.

    `groups` are (first component of the names, mark), `exact` marks all shapes at its own size (rows,
    cols), `facts` are in the order of `FACTS`.
    """

    name: str
    size: tuple[int, int]
    exact: str
    groups: tuple[tuple[str, str], ...]
    facts: tuple[Fact, ...]

    def fact(self, name: str) -> Fact:
        """The fact of that name, in words with its mark."""
        return self.facts[FACTS.index(name)]


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """The architectures of a version of timm; `first` are the kernels that see the channels."""

    timm: str
    first: frozenset[str]
    architectures: tuple[Architecture, ...]
    by_group: Mapping[tuple[str, str], tuple[Architecture, ...]]

    def like(self, state: Mapping[str, Shaped]) -> tuple[Architecture, ...]:
        """Those whose names and shapes are all in a file, whatever else it holds.

        Those with most of the file come first. A final normalisation may be missing where nothing
        has it.
        """
        have = groups(state, self.first)
        near: dict[str, Architecture] = {}
        for group in have.items():
            near |= {each.name: each for each in self.by_group.get(group, ())}
        steering = {top for top in have if is_on_path(top)}
        near = {name: each for name, each in near.items() if steering <= dict(each.groups).keys()}
        whole = [
            each
            for each in near.values()
            if all(have.get(top) == mark for top, mark in each.groups)
        ]
        if not whole:
            whole = [
                each
                for each in near.values()
                if all(
                    have.get(top) == mark or (top in AFTER and top not in have)
                    for top, mark in each.groups
                )
            ]
        mark = exact(state)
        return tuple(
            sorted(whole, key=lambda each: (-len(each.groups), each.exact != mark, each.name))
        )


def index() -> Index:
    """The index of the installed timm where one has been made, else the one in the package."""
    own = own_file()
    with suppress(OSError, ValueError, KeyError, TypeError):
        return _read(own, own.stat().st_mtime_ns)
    file = resource(FILE)
    return _read(file, file.stat().st_mtime_ns)


def own_file() -> Path:
    """Where the index of another version of timm is kept."""
    return cache_file(timm.__version__).with_name(f"architectures-timm-{timm.__version__}.json")


def refreshed(progress: Progress = silent) -> Index:
    """The index of the installed timm, made and kept where the one in the package is another's."""
    if index().timm == timm.__version__:
        return index()
    write(made(progress, known=index()), own_file())
    return index()


def made(progress: Progress = silent, *, known: Index | None = None) -> Index:
    """Builds every architecture of timm without memory, some minutes; what is known is not built."""
    names, found = timm.list_models(), []
    old = {each.name: each for each in known.architectures} if known else {}
    first = known.first if known else _first_kernels(names)
    for done, name in enumerate(names):
        progress(done, len(names), f"looking at {name}")
        if name in old:
            found.append(old[name])
        elif (module := built(name)) is not None:
            found.append(described(name, module, first))
    return _indexed(timm.__version__, first, tuple(found))


def built(name: str, **arguments: Any) -> nn.Module | None:
    """The architecture on torch's "meta" device; None where it cannot be built there."""
    with warnings.catch_warnings(), shapes_only():
        warnings.simplefilter("ignore")
        try:
            module: nn.Module = timm.create_model(name, pretrained=False, **arguments)
        except (TypeError, ValueError, RuntimeError, AssertionError, NotImplementedError):
            return None
    return module


def described(name: str, module: nn.Module, first: frozenset[str]) -> Architecture:
    """A built architecture as an entry."""
    stored, facts = module.state_dict(), facts_of(module)
    return Architecture(
        name,
        _size(name, module),
        exact(stored),
        tuple(sorted(groups(stored, first).items())),
        tuple(facts[fact] for fact in FACTS),
    )


def needed_of(module: nn.Module) -> dict[str, torch.Tensor]:
    """All that a module has learned: parameters, under each of their names, and the averages of
    batch normalisation.
    """
    running = {key: value for key, value in module.named_buffers() if "running_" in key}
    return {**dict(module.named_parameters(remove_duplicate=False)), **running}


def write(found: Index, file: Path) -> None:
    """Writes an index, all or nothing. VitvizError where the folder cannot be written."""
    kinds = sorted({each.facts for each in found.architectures})
    number = {facts: place for place, facts in enumerate(kinds)}
    rows = ",\n".join(
        json.dumps(
            [a.name, a.size, a.exact, dict(a.groups), number[a.facts]], separators=(",", ":")
        )
        for a in found.architectures
    )
    told = ",\n".join(json.dumps(facts, separators=(",", ":")) for facts in kinds)
    text = (
        f'{{"timm": "{found.timm}",\n"said": {json.dumps(FACTS)},\n"first": '
        f'{json.dumps(sorted(found.first))},\n"facts": [\n{told}\n],\n"architectures": [\n{rows}\n]}}\n'
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole(file) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


@cache
def _read(file: Path, _changed: int) -> Index:
    found = json.loads(file.read_text(encoding="utf-8"))
    if tuple(found["said"]) != FACTS:
        raise ValueError(f"{file} was written by another vitviz")
    facts = [tuple((words, mark) for words, mark in each) for each in found["facts"]]
    rows = tuple(
        Architecture(name, (size[0], size[1]), mark, tuple(tops.items()), facts[kind])
        for name, size, mark, tops, kind in found["architectures"]
    )
    return _indexed(found["timm"], frozenset(found["first"]), rows)


def _indexed(version: str, first: frozenset[str], rows: tuple[Architecture, ...]) -> Index:
    """Looked up by the group that the fewest share, so that a file asks few."""
    shared: dict[tuple[str, str], list[Architecture]] = defaultdict(list)
    for each in rows:
        for group in each.groups:
            shared[group].append(each)
    by_group: dict[tuple[str, str], list[Architecture]] = defaultdict(list)
    for each in rows:
        solid = [group for group in each.groups if group[0] not in AFTER]
        if solid:
            by_group[min(solid, key=lambda group: (len(shared[group]), group))].append(each)
    return Index(version, first, rows, {group: tuple(few) for group, few in by_group.items()})


def _first_kernels(names: list[str]) -> frozenset[str]:
    found = {FIRST}
    for name in names:
        config = timm.models.get_pretrained_cfg(name)
        first = (config.first_conv if config else None) or ()
        found |= {f"{each}.weight" for each in ((first,) if isinstance(first, str) else first)}
    return frozenset(found)


def _size(name: str, module: nn.Module) -> tuple[int, int]:
    size = anatomy_of(module).picture
    if size is None:
        config = timm.models.get_pretrained_cfg(name)
        size = config.input_size[-2:] if config is not None else (0, 0)
    return int(size[0]), int(size[1])


def main() -> int:
    """Writes the index that comes with vitviz."""

    def report(done: float, total: float, what: str = "") -> None:
        print(f"\r{done:.0f} of {total:.0f}  {what:70.70}", end="", file=sys.stderr, flush=True)

    found = made(report)
    write(found, resource(FILE))
    print(f"\n{len(found.architectures)} architectures of timm {found.timm}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
