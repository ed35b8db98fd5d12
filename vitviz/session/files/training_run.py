"""Checkpoints of one training, told apart by the numbers in their names: a run with steps."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vitviz.core.data.weight_files import CHECKPOINT_ENDINGS, weights_in

_COUNTED = (
    ("step", re.compile(r"(?:global_?step|steps?|iter(?:ation)?s?|checkpoint)[-_=]?(\d+)", re.I)),
    ("epoch", re.compile(r"(?:epochs?|ep)[-_=]?(\d+)", re.I)),
    ("", re.compile(r"(\d+)(?!.*\d)")),
)
"""What a training counts, the finest first; else the last number of a name."""
_SHARD = re.compile(r"-\d{5}-of-\d{5}\.")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
MOST_STEPS = 2_000


@dataclass(frozen=True, slots=True)
class RunStep:
    """One checkpoint of a run: what it counts, where it lies, and what to call it."""

    number: int
    path: str
    words: str


@dataclass(frozen=True)
class TrainingRun:
    """Checkpoints of one training in their order; what else lies beside them is left out.

    `others` are weights of no number (best.pth, last.ckpt).
    """

    folder: Path
    steps: tuple[RunStep, ...]
    others: tuple[str, ...] = ()

    @cached_property
    def _places(self) -> dict[str, int]:
        return {step.path: at for at, step in enumerate(self.steps)}

    def place(self, path: str | Path) -> int | None:
        """Which step a checkpoint is, from 0; None where it is none of them."""
        return self._places.get(str(Path(path).absolute()))


def run_in(folder: str | Path) -> TrainingRun | None:
    """The run whose checkpoints lie in a folder; None where there are not at least two.

    Files of weights, or folders of them as Hugging Face's trainer writes (checkpoint-500). Names that
    are alike but for their numbers are one run; of several, the one with most steps.
    """
    folder = Path(folder).absolute()
    found: dict[str, list[str]] = defaultdict(list)
    try:
        names = sorted(each.name for each in os.scandir(folder) if _may_be_a_step(each))
    except (OSError, ValueError):
        return None
    for name in names[: 2 * MOST_STEPS]:
        found[_NUMBER.sub("#", name)].append(name)
    alike = max(found.values(), key=len, default=[])
    if len(alike) < 2 or not _of_one_size([folder / name for name in alike]):
        return None
    kind, numbers = _numbered(alike)
    if kind is None:
        return None
    steps = [
        RunStep(number, str(folder / name), f"{kind} {number}".strip())
        for number, name in zip(numbers, alike, strict=True)
    ]
    steps.sort(key=lambda step: step.number)
    others = tuple(name for name in names if name not in set(alike))
    return TrainingRun(folder, tuple(steps[:MOST_STEPS]), others)


def run_around(path: str | Path) -> TrainingRun | None:
    """The run that a checkpoint is a step of; None for one that stands alone."""
    path = Path(path)
    if not os.path.exists(path):  # a name of timm's, or one that no file can have  # noqa: PTH110
        return None
    found = run_in(path.parent)
    return found if found is not None and found.place(path) is not None else None


def _may_be_a_step(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith((".", "~")) or _SHARD.search(entry.name):
        return False
    if entry.name.lower().endswith(CHECKPOINT_ENDINGS):
        return entry.is_file()
    return entry.is_dir() and weights_in(Path(entry.path)) is not None


def _of_one_size(paths: Sequence[Path]) -> bool:
    """Whether files are as large as those of one architecture, but for some bytes."""
    try:
        sizes = [path.stat().st_size for path in paths if path.is_file()]
    except OSError:
        return False
    return not sizes or max(sizes) <= 1.02 * min(sizes) + 4096


def newest_step(name: str | Path) -> str:
    """The last checkpoint of a run that is named by its folder; any other name as it is."""
    path = Path(name)
    if not os.path.isdir(path) or weights_in(path) is not None:  # noqa: PTH112
        return str(name)
    run = run_in(path)
    return str(name) if run is None else run.steps[-1].path


def _numbered(names: Sequence[str]) -> tuple[str | None, list[int]]:
    """What the names count, and the number of each; None where no number tells all apart."""
    for kind, pattern in _COUNTED:
        found = [match and int(match[1]) for match in map(pattern.search, map(_stem, names))]
        numbers = [each for each in found if each is not None]
        if len(set(numbers)) == len(names):
            return kind, numbers
    return None, []


def _stem(name: str) -> str:
    """A name without its ending: the 5 of .h5 is no step."""
    ending = next((each for each in CHECKPOINT_ENDINGS if name.lower().endswith(each)), "")
    return name[: len(name) - len(ending)] if ending else name
