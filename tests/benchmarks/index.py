"""Questions to an index: a thousand pictures, and a million patches, beside the product alone."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from einops import rearrange

from tests.benchmarks.run import BenchmarkRun, Row
from vitviz.core.data.geometry import Crop
from vitviz.folders.index.index_search import direction_of, most_alike
from vitviz.folders.index.vector_index import IndexAbout, VectorIndex, index_writer, open_index

ROUNDS = 7
SIDE, DIM = 14, 384


def rows(run: BenchmarkRun) -> list[Row]:
    """All rows; a minute on two cores, and 800 MB of disk."""
    found = []
    for pictures, goal in ((1000, "<= 100 ms"), (5103, "<= 1000 ms")):
        pictures = run.few(pictures, 8)
        with tempfile.TemporaryDirectory() as name:
            index = _index(Path(name), pictures)
            query = direction_of([index.vector(index.entries[7], 40)])
            ours = _median(lambda index=index, query=query: most_alike(index, query, 12))
            plain = _median(lambda index=index, query=query: _plain(index, query))
        patches = pictures * SIDE * SIDE
        found.append(
            (
                f"index: one of {patches:,} patches of {DIM} numbers, exact, warm",
                goal,
                f"{1000 * ours:.0f} ms ({plain / ours:.1f} x as quick as widening every block first)",
            )
        )
    return found


def _index(place: Path, pictures: int) -> VectorIndex:
    """Random vectors of as many pictures."""
    about = IndexAbout(
        "model", "hash", (), "fp32", "crop", "tokens", 8, 12, SIDE, SIDE, (16, 16), ("class",), DIM
    )
    random = np.random.default_rng(0)
    with index_writer(place, about, place, overwrite=False) as writer:
        for at in range(pictures):
            vectors = random.standard_normal((SIDE * SIDE + 1, DIM), np.float32)
            writer.add(f"{at}.jpg", f"{at:064}", (1, at), _crop(), vectors)
    return open_index(place)


def _crop() -> Crop:
    return Crop((224, 224), (224, 224), (1.0, 1.0))


def _plain(index: VectorIndex, query: np.ndarray) -> np.ndarray:
    """The product of every vector in 32 bits, in blocks."""
    flat = rearrange(index.vectors, "picture token dim -> (picture token) dim")
    return np.concatenate(
        [flat[at : at + 8192].astype(np.float32) @ query for at in range(0, len(flat), 8192)]
    )


def _median(work) -> float:  # type: ignore[no-untyped-def]
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return float(np.median(times[1:]))
