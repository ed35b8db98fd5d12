"""Killed at any moment: no half file, nothing lost or made twice, nobody left behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from .recipe_trials import picture
from .trial_run import TrialCount, within

ROOT = Path(__file__).resolve().parents[2]
_MARK = "VITVIZ_KILL_TRIAL"
_BATCH = ["-m", "vitviz", "batch", "photos", "-o", "out", "-v", "patches", "-k", "png", "--rows"]
_DRAW = ["-m", "vitviz", "draw", "photos", "-v", "patches", "-o", "drawn", "--overwrite"]
_MODEL = ["-m", "test_vit", "--untrained"]
_WRITER = """
import sys
from pathlib import Path
from vitviz.session.files import session_format
from vitviz.session.files.settings import Settings, write_settings
folder = Path(sys.argv[1])
saved = session_format.SavedSession(**session_format.header(), window={"filler": "x" * 300_000})
print("begun", flush=True)
for number in range(10**6):
    assert write_settings(Settings(memory_mb=1024 + number), folder) == ""
    session_format.write(saved, folder / "mine.vitviz")
"""


def run(*, seed: int, minutes: float, most: int, keep: Path) -> TrialCount:
    """Kills draw, batch, and what writes sessions and settings, in turns."""
    count, draw = TrialCount("kill"), np.random.default_rng(seed)
    with tempfile.TemporaryDirectory(prefix="vitviz-kill-") as top:
        folder = Path(top)
        (folder / "photos").mkdir()
        for number in range(6):
            image = Image.fromarray(np.roll(picture(), 7 * number, 1))
            image.save(folder / "photos" / f"{number}.png")
        for number in within(minutes, most or 60):
            kind = ("writer", "batch", "draw")[number % 3]
            began = time.monotonic()
            try:
                _once(kind, folder, float(draw.random()), int(draw.integers(-1, 6)))
                count.opened += 1
            except AssertionError as error:
                count.failures.append((f"{kind} {number}", str(error)))
                keep.mkdir(parents=True, exist_ok=True)
                about = {"kind": "kill", "name": kind, "seed": seed, "said": str(error)}
                (keep / f"kill-{number:03}.json").write_text(json.dumps(about, indent=1))
            count.slowest = max(count.slowest, time.monotonic() - began)
    return count


def _once(kind: str, folder: Path, share: float, made: int) -> None:
    """Killed while it starts (`made` is -1) or some time after so many files are there."""
    after = 4 * share if made < 0 else 0.3 * share
    match kind:
        case "writer":
            _kill(
                [sys.executable, "-c", _WRITER, str(folder)], folder, 0.02 + 0.5 * share, b"begun"
            )
            _check_writer(folder)
        case "batch":
            order = [sys.executable, *_BATCH, *_MODEL, "--workers", "2", "--batch", "1"]
            _kill(order, folder, after, files=(folder / "out", made))
            _check_files(folder / "out")
            before = _finished(folder / "out")
            done = subprocess.run(order, cwd=folder, env=_env(), capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            again = [name for name, at in before.items() if _written_at(folder / "out", name) != at]
            assert not again, f"made twice: {again}"
            assert len(list((folder / "out").glob("*-patches.png"))) == 6
            assert len(list((folder / "out").glob("*-attention.npz"))) == 6
            _check_nothing_left(folder / "out")
            _forget(folder / "out")
        case _:
            (folder / "drawn").mkdir(exist_ok=True)
            _kill([sys.executable, *_DRAW, *_MODEL], folder, after, files=(folder / "drawn", made))
            _check_files(folder / "drawn")
            _forget(folder / "drawn")


def _env() -> dict[str, str]:
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": paths, _MARK: str(os.getpid())}


def _kill(
    command: list[str],
    folder: Path,
    after: float,
    first: bytes = b"",
    files: tuple[Path, int] | None = None,
) -> None:
    """Ends it so many seconds after it began, after its `first` words, or after so many `files`."""
    process = subprocess.Popen(
        command, cwd=folder, env=_env(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    if first:
        assert process.stdout.readline().strip() == first
    while files and len(list(files[0].glob("*.png"))) < files[1] and process.poll() is None:
        threading.Event().wait(0.01)
    until = time.monotonic() + after
    while (left := until - time.monotonic()) > 0 and process.poll() is None:
        if select.select([process.stdout], [], [], left)[0] and not os.read(
            process.stdout.fileno(), 65536
        ):
            break
    process.send_signal(signal.SIGKILL)
    try:
        process.communicate(timeout=30)  # ends when nobody holds its output any more
    except subprocess.TimeoutExpired:
        raise AssertionError("somebody outlives the killed one and holds its output") from None


def _check_writer(folder: Path) -> None:
    from vitviz.session.files import session_format
    from vitviz.session.files.settings import read_settings

    settings, complaint = read_settings(folder)
    assert not complaint, complaint
    assert settings.memory_mb >= 1024
    if (folder / "mine.vitviz").exists():
        session_format.read(folder / "mine.vitviz")


def _check_files(folder: Path) -> None:
    """Every file that has its name is whole."""
    for file in folder.glob("*"):
        if file.name.startswith(".") or not file.is_file():
            continue
        if file.suffix == ".png":
            with Image.open(file) as image:
                image.load()
        elif file.suffix == ".npz":
            with np.load(file) as arrays:
                assert all(arrays[name] is not None for name in arrays)


def _check_nothing_left(folder: Path) -> None:
    left = [file.name for file in folder.rglob(".vitviz-*")]
    assert not left, f"left behind: {left}"


def _finished(folder: Path) -> dict[str, int]:
    """The files that the manifest counts, with when they were written; a cut line counts none."""
    manifest, found = folder / "manifest.jsonl", dict[str, int]()
    for line in manifest.read_text().splitlines(keepends=True) if manifest.is_file() else ():
        if line.endswith("\n"):
            for name in json.loads(line).get("files", ()):
                found[name] = _written_at(folder, name)
    return found


def _written_at(folder: Path, name: str) -> int:
    return (folder / name).stat().st_mtime_ns


def _forget(folder: Path) -> None:
    for file in folder.glob("*"):
        if file.is_file():
            file.unlink()
