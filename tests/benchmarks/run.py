"""How the benchmarks are run: on which device, in what precision, at toy size or in earnest."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import vitviz
from vitviz.models.loading.model import Model

Row = tuple[str, str, str]
"""What was measured, its target, and the measurement, whose first number the target is about."""

TOY = "test_vit"


@dataclass(frozen=True)
class BenchmarkRun:
    """`toy` has every room do all that it does with a tiny model and few turns: whether it works."""

    device: str = "cpu"
    precision: str = "fp32"
    toy: bool = False

    @property
    def cuda(self) -> bool:
        """Whether a GPU does the work, which then has to be waited for."""
        return self.device.startswith("cuda")

    def few(self, count: int, least: int = 1) -> int:
        """So many turns, or the least in a toy run."""
        return least if self.toy else count

    def load(self, name: str, **arguments: Any) -> Model:
        """A model of random weights on the run's device; the tiny one in a toy run."""
        torch.manual_seed(0)
        where = {"device": self.device, "precision": self.precision}
        if self.toy:
            return vitviz.load(TOY, pretrained=False, **where)
        return vitviz.load(name, pretrained=False, **where, **arguments)

    def milliseconds(self, work: Callable[[], Any], repeats: int = 1) -> float:
        """The median time of something."""
        return statistics.median(self._once(work) for _ in range(repeats))

    def in_turns(self, first: Callable[[], Any], second: Callable[[], Any], repeats: int) -> float:
        """The median of (time of first / time of second), pair by pair on a noisy machine."""
        first(), second()
        ratios = []
        for turn in range(self.few(repeats)):
            order = (first, second) if turn % 2 else (second, first)
            taken = {each: self._once(each) for each in order}
            ratios.append(taken[first] / taken[second])
            gc.collect()
        return statistics.median(ratios)

    def _once(self, work: Callable[[], Any]) -> float:
        if not self.cuda:
            started = time.perf_counter()
            work()
            return (time.perf_counter() - started) * 1000
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize(self.device)
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize(self.device)
        return float(begin.elapsed_time(end))


def noise(side: tuple[int, int], seed: int = 0) -> np.ndarray:
    """A picture of nothing."""
    return np.random.default_rng(seed).integers(0, 256, (*side, 3), dtype=np.uint8)
