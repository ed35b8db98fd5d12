"""Cases tried in a process of their own: counted, watched, and kept where they fail."""

from __future__ import annotations

import contextlib
import importlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

PATIENCE = 10.0
"""Seconds that a case may take, on a machine that is otherwise idle."""
MOST_MEMORY = 1_500_000_000
"""Bytes by which a case may make the process grow."""


@dataclass(frozen=True, slots=True)
class TrialCase:
    """Something to be opened: a `name` that says how it was made, and a file's `data`."""

    name: str
    data: bytes


@dataclass(slots=True)
class TrialCount:
    """What came of a trial; `failures` are names with what went wrong."""

    kind: str
    opened: int = 0
    refused: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    slowest: float = 0.0
    peak: int = 0

    @property
    def tried(self) -> int:
        """How many cases there were."""
        return self.opened + self.refused + len(self.failures)

    def line(self) -> str:
        """All of it in a line."""
        return (
            f"{self.kind}: {self.tried} tried, {self.opened} opened, {self.refused} refused, "
            f"{len(self.failures)} failed; slowest {self.slowest:.1f} s, grew by "
            f"{self.peak / 1e6:.0f} MB at most"
        )


class Refused(Exception):
    """A case ended in one of vitviz's own sentences, as it should."""


class TrialRun:
    """Tries cases of a kind: `room` is the module whose `attempt(data, folder)` opens one.

    It returns where that worked and raises Refused where a sentence came; whatever else it raises, a
    hang, a process that dies, too much memory and a file that appears are failures, and the case is
    kept in `keep`.
    """

    def __init__(self, kind: str, room: str, keep: Path, patience: float = PATIENCE) -> None:
        self.count = TrialCount(kind)
        self._room, self._keep, self._patience = room, keep, patience
        self._child: multiprocessing.process.BaseProcess | None = None
        self._line: Connection | None = None

    def __enter__(self) -> TrialRun:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def attempt(self, case: TrialCase) -> None:
        """Tries one case."""
        self._begin()
        assert self._line is not None
        began = time.monotonic()
        try:
            self._line.send((case.name, case.data))
            if self._line.poll(self._patience):
                outcome, said, peak = self._line.recv()
            else:
                outcome, said, peak = "failed", f"no end after {self._patience:.0f} s", 0
                self._end()
        except (EOFError, OSError):
            outcome, said, peak = "failed", "the process died", 0
            self._end()
        self.count.slowest = max(self.count.slowest, time.monotonic() - began)
        self.count.peak = max(self.count.peak, peak)
        if outcome == "opened" and peak > MOST_MEMORY:
            outcome, said = "failed", f"it took {peak / 1e9:.1f} GB"
        if outcome == "failed":
            self.count.failures.append((case.name, said))
            self._store(case, said)
        else:
            setattr(self.count, outcome, getattr(self.count, outcome) + 1)

    def _store(self, case: TrialCase, said: str) -> None:
        self._keep.mkdir(parents=True, exist_ok=True)
        stem = f"{self.count.kind}-{len(self.count.failures):03}"
        (self._keep / f"{stem}.case").write_bytes(case.data)
        (self._keep / f"{stem}.json").write_text(
            json.dumps({"kind": self.count.kind, "name": case.name, "said": said}, indent=1)
        )

    def _begin(self) -> None:
        if self._child is not None and self._child.is_alive():
            return
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._child = context.Process(target=_serve, args=(theirs, self._room), daemon=True)
        self._child.start()
        theirs.close()
        self._line.recv()  # it has imported what it needs

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.join()
            self._child = None


def _serve(line: Connection, room: str) -> None:
    """The process in which cases are tried; small models are quickest on one thread."""
    os.environ["OMP_NUM_THREADS"] = "1"
    attempt = importlib.import_module(room).attempt
    line.send("ready")
    with contextlib.suppress(EOFError), tempfile.TemporaryDirectory(prefix="vitviz-trial-") as top:
        for number in range(sys.maxsize):
            name, data = line.recv()
            folder = Path(top, str(number))
            folder.mkdir()
            line.send(_outcome(attempt, name, data, folder))


def _outcome(attempt, name: str, data: bytes, folder: Path) -> tuple[str, str, int]:
    before = _peak()
    try:
        attempt(name, data, folder)
        outcome, said = "opened", ""
    except Refused as error:
        outcome, said = _sentence(str(error))
    except BaseException as error:
        outcome, said = "failed", "".join(traceback.format_exception(error))[-3000:]
    for proof in folder.parent.glob("**/executed"):
        proof.unlink()
        outcome, said = "failed", "it was executed"
    return outcome, said, max(0, _peak() - before)


def _sentence(said: str) -> tuple[str, str]:
    """A refusal is one line that can be read."""
    if not said or "\n" in said or len(said) > 1000:
        return "failed", f"this is no sentence: {said[:200]!r}"
    return "refused", said


def _peak() -> int:
    """Bytes that this process has held at most; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def within(minutes: float, most: int) -> Iterator[int]:
    """Numbers of cases: at most so many, and none begun after so many minutes (0: no limit)."""
    until = time.monotonic() + 60 * minutes if minutes else float("inf")
    for number in range(most):
        if time.monotonic() > until:
            return
        yield number
