"""Many pictures: the attention of all layers and heads, beside timm's own loop with the same loader.

Of 3.8 s for 96 pictures, 2.7 in the plain loop: rows read and outputs compared 0.35, traces put
together 0.2, the rest the network's own time beside the threads that make and write the rows.
"""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tests.benchmarks.run import BenchmarkRun, Row
from vitviz.folders.batch import run_batch
from vitviz.folders.batch_order import BatchOrder
from vitviz.models.loading.model import Model
from vitviz.models.tracing.batch_tracing import BatchTracing

PICTURES = 96
ROUNDS = 3
NOISE = 0.05
BATCH = 8


def rows(run: BenchmarkRun) -> list[Row]:
    """All rows; a minute or two on two cores."""
    model = run.load("vit_tiny_patch16_224")
    count = run.few(PICTURES, 10)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "pictures")
        files = _pictures(folder, count)
        ratios, speeds, memory = [], [], []
        for at in range(run.few(ROUNDS) + 1):
            plain = _timed(lambda: _plain(model, files))
            out = Path(name, f"out-{at}")
            ours = _timed(lambda out=out: _ours(model, folder, out, count))  # type: ignore[misc]
            shutil.rmtree(out)
            if at:  # the first round warms up
                ratios.append(plain / ours)
                speeds.append(count / ours)
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    ratio, speed = float(np.median(ratios)), float(np.median(speeds))
    grown = memory[-1] - memory[0]
    return [
        (
            f"batch: class rows of {PICTURES} pictures, ViT-Ti/16, "
            f"over plain timm in batches of {BATCH}",
            ">= 0.90 x",
            f"{ratio:.2f} x ({min(ratios):.2f} to {max(ratios):.2f}), {speed:.1f} pictures/s",
        ),
        (
            f"batch: peak memory after {PICTURES} and after {(ROUNDS + 1) * PICTURES} pictures",
            "<= 20 MB more",
            f"{grown:+.0f} MB ({memory[0]:.0f} MB)",
        ),
    ]


def _pictures(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    random = np.random.default_rng(0)
    files = []
    for at in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        files.append(folder / f"{at:04}.jpg")
        coarse.resize((640, 480), Image.Resampling.BICUBIC).save(files[-1], quality=90)
    return files


def _plain(model: Model, files: Sequence[Path]) -> None:
    """timm's forward over the same loader, decoding ahead as vitviz does."""
    from vitviz.folders.picture_traces import decoded_ahead, grouped

    loader = BatchTracing(model)
    with torch.inference_mode():
        for opened in decoded_ahead(loader.ready, grouped(files, BATCH), 1):
            model.module(torch.cat([one[2] for _, one in opened if not isinstance(one, Exception)]))


def _ours(model: Model, folder: Path, out: Path, count: int) -> None:
    found = run_batch(BatchOrder(model, folder, out, rows=True, size=BATCH, workers=1))
    assert found.done == count


def _timed(work) -> float:  # type: ignore[no-untyped-def]
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
