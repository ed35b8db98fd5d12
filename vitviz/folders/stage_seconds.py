"""Where the time of a long run goes: seconds in each stage, whichever threads spent them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

Stage = Literal["decode", "model", "rows", "write"]
"""Opened and prepared; run and verified; drawn or read off; made into files."""
STAGES: tuple[Stage, ...] = ("decode", "model", "rows", "write")


class StageSeconds:
    """Adds up seconds a stage; several threads may be in one stage at once, and each counts."""

    def __init__(self) -> None:
        self._seconds: dict[Stage, float] = dict.fromkeys(STAGES, 0.0)
        self._lock = threading.Lock()
        self._began = time.perf_counter()

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """What happens inside counts for this stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - began
            with self._lock:
                self._seconds[name] += spent

    @property
    def seconds(self) -> dict[str, float]:
        """Of each stage, and "elapsed" since the beginning."""
        with self._lock:
            spent = {str(name): seconds for name, seconds in self._seconds.items()}
            return spent | {"elapsed": time.perf_counter() - self._began}
