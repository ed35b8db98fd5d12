"""Every room of the benchmarks runs, at toy size; and what their numbers say about targets."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks.run import BenchmarkRun
from tests.benchmarks.verdict import Verdict, keep_results, last_results

WINDOWS = {"window", "walk", "columns", "words", "library", "frozen"}


@pytest.mark.parametrize("room", sorted(set(benchmarks.ROOMS) - WINDOWS))
def test_a_room_runs_and_says_what_it_measured(room):
    found = list(importlib.import_module(f"tests.benchmarks.{room}").rows(BenchmarkRun(toy=True)))
    assert found
    for what, target, measured in found:
        assert what
        verdict = Verdict(what, target, measured, 0.1)
        assert not verdict.broken, f"{what}: {measured} has no number for {target}"


def test_the_rooms_with_a_window_run_in_a_program_of_their_own(tmp_path):
    pytest.importorskip("PySide6.QtWidgets")
    rooms = sorted(WINDOWS)
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *rooms, "--toy", "--keep", tmp_path / "kept"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:] or done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines() if " target " in line] == rooms


@pytest.mark.parametrize(
    ("target", "measured", "missed"),
    [
        ("<= 1.05 x time", "1.04 x by the clock", False),
        ("<= 1.05 x time", "1.14 x by the clock, 1.01 x processor time", False),
        ("<= 1.05 x time", "1.16 x by the clock", True),
        (">= 0.90 x", "0.82 x (0.80 to 0.99)", False),
        (">= 0.90 x", "0.80 x", True),
        ("median <= 16 ms", "17.9 ms", True),
        ("<= 20 MB more", "-12 MB (430 MB)", False),
        ("<= 1000 ms", "1,200 ms", True),
        ("told", "99 x", False),
        ("no", "yes", False),
    ],
)
def test_a_target_is_missed_by_more_than_the_noise(target, measured, missed):
    assert Verdict("what", target, measured, 0.1).missed is missed


def test_results_are_kept_and_the_change_is_shown(tmp_path, capsys, monkeypatch):
    file = tmp_path / "build" / "benchmarks.json"
    assert last_results(file) == {}
    keep_results({"a": 2.0, "b": 1.0}, file)
    keep_results({"a": 3.0}, file)
    assert last_results(file) == {"a": 3.0, "b": 1.0}
    room = type("Room", (), {"rows": staticmethod(lambda run: [("speed", "<= 1 x", "1.5 x")])})
    monkeypatch.setattr(benchmarks.importlib, "import_module", lambda name: room)
    assert benchmarks.main(["engine", "--keep", str(file)]) == 1
    assert benchmarks.main(["engine", "--keep", str(file)]) == 1
    said = capsys.readouterr().out
    assert "1.00 x the last time's" in said
    assert "missed by more than 10%: speed: 1.5 x, not <= 1 x" in said
    assert json.loads(file.read_text())["speed [cpu fp32]"] == 1.5


def test_a_torn_file_of_results_is_none(tmp_path):
    file = tmp_path / "benchmarks.json"
    file.write_text('{"a": 1.0, "b"')
    assert last_results(file) == {}


def test_rooms_that_measure_no_device_say_so(capsys):
    assert benchmarks.main(["window", "--device", "cuda"]) == 2
    assert "measure no device" in capsys.readouterr().out
