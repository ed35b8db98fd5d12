"""A long day: many pictures and model switches, with memory, threads and open files watched."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np

from .recipe_trials import picture
from .trial_run import TrialCount, within

_WARM = 0.2
"""The share of a run after which nothing may grow any more."""


def run(*, seed: int, minutes: float, most: int, keep: Path) -> TrialCount:
    """Pictures through models that change every fifth time, drawn and forgotten."""
    from vitviz.session.columns.column import ModelRequest
    from vitviz.session.session import Session
    from vitviz.session.work.jobs import InlineJobs

    count, draw, total = TrialCount("soak"), np.random.default_rng(seed), most or 1000
    session = Session(InlineJobs(), save=lambda _settings: "")
    before: tuple[int, int, int] | None = None
    for number in within(minutes, total):
        if number % 5 == 0:
            patch = (16, 32, 20)[number // 5 % 3]
            session.columns.use_model(ModelRequest("test_vit", pretrained=False, patch_size=patch))
        session.open([np.roll(picture(), int(draw.integers(1, 4000)))])
        session.views.want(["rollout", "heads"])
        for old in session.pictures.open[:-5]:
            session.pictures.close(old.key)
        count.opened += 1
        if before is None and number >= _WARM * total:
            before = held()
    _compare(count, before, held())
    return count


def held() -> tuple[int, int, int]:
    """Bytes of memory, threads and open files of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    files = len(list(Path("/proc/self/fd").iterdir()))
    return pages * os.sysconf("SC_PAGE_SIZE"), threading.active_count(), files


def _compare(
    count: TrialCount, before: tuple[int, int, int] | None, now: tuple[int, int, int]
) -> None:
    if before is None:
        return
    print(
        f"soak: {before[0] / 1e6:.0f} MB, {before[1]} threads, {before[2]} files after warm-up; "
        f"{now[0] / 1e6:.0f}, {now[1]}, {now[2]} in the end"
    )
    if now[0] > 1.05 * before[0]:
        count.failures.append(("memory", f"grew by {now[0] / before[0] - 1:.1%}"))
    for name, one, other in zip(("threads", "open files"), before[1:], now[1:], strict=True):
        if other > one:
            count.failures.append((name, f"{one} became {other}"))
