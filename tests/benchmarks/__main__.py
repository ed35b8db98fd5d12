"""Measures everything vitviz has a target for: `python -m tests.benchmarks` prints the table.

    python -m tests.benchmarks                          all rooms
    python -m tests.benchmarks engine peers             these rooms
    python -m tests.benchmarks engine --device cuda --precision bf16

Machines differ and are shared: compare within one run, the ratios rather than the seconds. The last
results are kept in build/benchmarks.json and shown beside the new ones. Exits with 1 where a target
is missed by more than the room's noise, which is 10 % unless the room says otherwise, or where there
is no number to hold against it.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.verdict import LAST, Verdict, keep_results, last_results
from vitviz.core import garbage, idle_threads

if TYPE_CHECKING:
    from tests.benchmarks.run import BenchmarkRun

ROOMS = (
    "engine",
    "modules",
    "peers",
    "hover",
    "window",
    "walk",
    "why",
    "columns",
    "batch",
    "index",
    "parts",
    "words",
    "library",
    "recognise",
    "frozen",
)
ON_DEVICES = ("engine", "peers", "why")
"""Rooms that measure what a model's device does; the others measure the window, files and numpy."""

NOISE = 0.1


def main(words: Sequence[str] | None = None) -> int:
    """Runs the rooms named on the command line, or all: 0, or 1 where a target is missed."""
    from tests.benchmarks.run import BenchmarkRun  # numpy comes with it

    asked = _parser().parse_args(words)
    run = BenchmarkRun(asked.device, asked.precision, asked.toy)
    elsewhere = (run.device, run.precision) != ("cpu", "fp32")
    rooms = asked.rooms or (ON_DEVICES if elsewhere else ROOMS)
    if elsewhere and (wrong := [room for room in rooms if room not in ON_DEVICES]):
        print(f"{', '.join(wrong)} measure no device; those that do are {', '.join(ON_DEVICES)}")
        return 2
    found = [row for room in rooms for row in show_room(room, run, asked.keep)]
    if run.toy:
        return int(any(row.broken for row in found))
    missed, broken = ([row for row in found if row.missed], [row for row in found if row.broken])
    for row in missed:
        print(f"missed by more than {row.noise:.0%}: {row.what}: {row.measured}, not {row.target}")
    for row in broken:
        print(f"no number for a target: {row.what}: {row.measured}, not {row.target}")
    return int(bool(missed or broken))


def show_room(room: str, run: BenchmarkRun, file: Path) -> list[Verdict]:
    """Prints what a room measures, line by line, and keeps it for the next time."""
    module = importlib.import_module(f"tests.benchmarks.{room}")
    noise = getattr(module, "NOISE", NOISE)
    before, found = last_results(file), {}
    verdicts = [Verdict(*row, noise) for row in module.rows(run)]
    print(f"{room:<72} {'target':<30} measured", flush=True)
    for row in verdicts:
        name = f"{row.what} [{run.device} {run.precision}]"
        if row.value is not None:
            found[name] = row.value
        change = row.changed(before.get(name))
        print(f"{row.what:<72} {row.target:<30} {row.measured}   {change}".rstrip(), flush=True)
    if not run.toy:
        keep_results(found, file)
    return verdicts


def _parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    found.add_argument("rooms", nargs="*", choices=[*ROOMS, []], help="rooms to run; all")
    found.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 or mps")
    found.add_argument("--precision", default="fp32", help="fp32, bf16 or fp16")
    found.add_argument("--toy", action="store_true", help="a tiny model: whether all runs")
    found.add_argument("--keep", type=Path, default=LAST, help="the file of the last results")
    return found


if __name__ == "__main__":
    garbage.own_this_process()  # both as the program does
    idle_threads.rest_between_products()
    with garbage.garbage_kept():
        importlib.import_module("tests.benchmarks.run")
    sys.exit(main())
