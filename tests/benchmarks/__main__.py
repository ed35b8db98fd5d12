"""Measures everything vitviz has a target for: `python -m tests.benchmarks` prints the table.

Machines differ and are shared: compare within one run, the ratios rather than the seconds.
"""

from __future__ import annotations

import importlib
import sys

ROOMS = (
    "engine",
    "hover",
    "window",
    "walk",
    "columns",
    "batch",
    "index",
    "parts",
    "words",
    "library",
    "recognise",
    "frozen",
)


def main() -> None:
    """Runs the rooms named on the command line, or all."""
    print(f"{'what':<62} {'target':<34} measured", flush=True)
    for room in sys.argv[1:] or ROOMS:
        for what, target, measured in importlib.import_module(f"tests.benchmarks.{room}").rows():
            print(f"{what:<62} {target:<34} {measured}", flush=True)


if __name__ == "__main__":
    main()
