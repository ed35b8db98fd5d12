"""A million pictures through plan, manifest and report, without a model: memory and time."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

from tests.benchmarks.run import BenchmarkRun, Row
from vitviz.folders.batch import kept
from vitviz.folders.manifest import BatchManifest
from vitviz.folders.part_maker import FinishedPicture

PICTURES = 1_281_167
"""Of ImageNet's training set."""


def rows(run: BenchmarkRun) -> list[Row]:
    """All rows; a minute or two, and 200 MB of disk."""
    pictures = run.few(PICTURES, 2000)
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        files = [
            out / f"n{at // 1300:08}" / f"n{at // 1300:08}_{at}.JPEG" for at in range(pictures)
        ]
        before = _memory()
        first = _timed(lambda: _written(out, files))
        again = _timed(lambda: _read(out, files))
        size = (out / "manifest.jsonl").stat().st_size
    grown = _memory() - before
    return [
        (
            f"manifest: {pictures:,} empty pictures written and read again",
            "minutes",
            f"{first:.0f} s and {again:.0f} s, {size / 1e6:.0f} MB of disk, {grown:.0f} MB of memory",
        ),
    ]


def _written(out: Path, files: list[Path]) -> None:
    """Every picture finished with no files; each thousandth is broken."""
    finished = (
        FinishedPicture(file, why="" if at % 1000 else "is damaged")
        for at, file in enumerate(files)
    )
    with BatchManifest(out, (1, 1), {"model": "none"}) as manifest:
        broken = kept(finished, len(files), manifest, lambda *_: None)
    assert len(broken) == -(-len(files) // 1000)


def _read(out: Path, files: list[Path]) -> None:
    with BatchManifest(out, (1, 1), {"model": "none"}) as manifest:
        assert manifest.has(files[1], {})
        assert not manifest.has(files[1000], {})


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _timed(work) -> float:  # type: ignore[no-untyped-def]
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
