"""Tries vitviz with what goes wrong: `python -m tests.trials [KIND ...] [--minutes N] [--seed S]`.

Each kind prints a line of counts; what failed is kept as a file that `--replay FILE` tries again, and
the exit code says whether anything failed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

from .trial_run import PATIENCE, TrialCase, TrialCount, TrialRun, within

FILES = {"pictures": 11_000, "checkpoints": 500, "recipes": 500, "sessions": 500}
"""Trials of files, and how many cases a whole one has."""
OTHERS = ("kill", "monkey", "soak", "hub", "floors")


def main() -> int:
    """1 where anything failed."""
    asked = argparse.ArgumentParser(prog="python -m tests.trials", description=__doc__)
    asked.add_argument("kinds", nargs="*", choices=[[], *FILES, *OTHERS], metavar="KIND")
    asked.add_argument("--minutes", type=float, default=0.0, help="End each kind after so long.")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--cases", type=int, default=0, help="So many cases instead of the usual.")
    asked.add_argument(
        "--patience",
        type=float,
        default=PATIENCE,
        help="Seconds for a file; more on a busy machine.",
    )
    asked.add_argument("--keep", type=Path, default=Path("trials-failed"))
    asked.add_argument("--replay", type=Path, help="A file that was kept.")
    wish = asked.parse_args()
    if wish.replay:
        return replay(wish.replay)
    kinds = wish.kinds or [kind for kind in (*FILES, *OTHERS) if kind not in ("soak", "floors")]
    counts = [
        run(kind, wish.seed, wish.minutes, wish.cases, wish.keep, wish.patience) for kind in kinds
    ]
    return int(any(count.failures for count in counts))


def run(kind: str, seed: int, minutes: float, most: int, keep: Path, patience: float) -> TrialCount:
    """One kind; its line is printed."""
    if kind in FILES:
        count = files(kind, seed, minutes, most or FILES[kind], keep, patience)
    else:
        count = room_of(kind).run(seed=seed, minutes=minutes, most=most, keep=keep)
    print(count.line(), flush=True)
    for name, said in count.failures[:10]:
        print(f"  {name}: {said.strip().splitlines()[-1][:160]}", flush=True)
    return count


def room_of(kind: str) -> ModuleType:
    """The module of a kind."""
    return importlib.import_module(f"{__package__}.{kind.removesuffix('s')}_trials")


def files(
    kind: str, seed: int, minutes: float, most: int, keep: Path, patience: float = PATIENCE
) -> TrialCount:
    """A trial of files."""
    room = room_of(kind)
    with TrialRun(kind, room.__name__, keep, patience) as trial:
        for _, case in zip(within(minutes, most), room.cases(seed), strict=False):
            trial.attempt(case)
    return trial.count


def replay(file: Path) -> int:
    """Tries a case again, in this process, so that a debugger sees it."""
    about = json.loads(file.with_suffix(".json").read_text())
    room = room_of(about["kind"])
    if hasattr(room, "replay"):
        return int(room.replay(file))
    import tempfile

    from .trial_run import Refused

    with tempfile.TemporaryDirectory() as folder:
        case = TrialCase(about["name"], file.with_suffix(".case").read_bytes())
        try:
            room.attempt(case.name, case.data, Path(folder))
        except Refused as error:
            print(f"refused: {error}")
        else:
            print("opened")
    return 0


if __name__ == "__main__":
    sys.exit(main())
