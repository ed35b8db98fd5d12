"""A short run of every trial, the same each time; `python -m tests.trials` has the long ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from trials import floor_trials, hub_trials, kill_trials, monkey_trials
from trials.__main__ import FILES, OTHERS, files, replay, room_of
from trials.trial_run import TrialCase, TrialCount, TrialRun

PATIENCE = 90.0
"""Seconds for a case on a machine that does other things too."""


def fine(count: TrialCount, tried: int) -> None:
    """All were tried and none failed."""
    assert count.failures == []
    assert count.tried == tried


@pytest.mark.parametrize(
    ("kind", "cases"), [("pictures", 150), ("recipes", 30), ("sessions", 20), ("checkpoints", 30)]
)
def test_spoilt_and_hostile_files_end_in_sentences(kind: str, cases: int, tmp_path: Path) -> None:
    count = files(kind, 7, 0, cases, tmp_path, PATIENCE)
    fine(count, cases)
    assert count.opened
    assert count.refused


@pytest.mark.skipif(os.name == "nt", reason="nobody is killed so there")
def test_what_writes_settings_and_sessions_can_be_killed(tmp_path: Path) -> None:
    fine(kill_trials.run(seed=3, minutes=0, most=1, keep=tmp_path), 1)


def test_a_hostile_hub_ends_in_sentences(tmp_path: Path) -> None:
    fine(hub_trials.run(seed=5, minutes=0, most=6, keep=tmp_path), 6)


def test_a_monkey_finds_nothing_in_a_minute(tmp_path: Path) -> None:
    """The 34th event of this seed pastes from a clipboard that holds nothing."""
    fine(monkey_trials.run(seed=5, minutes=0, most=80, keep=tmp_path), 80)


@pytest.mark.parametrize("kind", [*FILES, *OTHERS])
def test_every_kind_can_be_asked_for(kind: str) -> None:
    assert hasattr(room_of(kind), "cases" if kind in FILES else "run")


def test_the_floors_are_those_of_the_project() -> None:
    found = floor_trials.floors()
    assert {"pillow", "timm", "torch"} <= set(found)
    parts = tuple(int(part) for part in found["timm"].split("."))
    assert parts >= (1, 0, 26), "older ones unpickle what they are sent to"


def test_what_fails_is_kept_and_can_be_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trial that cannot fail would prove nothing."""
    cases = {
        "hang": b"hang",
        "crash": b"crash",
        "error": b"error",
        "many lines": b"lines",
        "execute": b"execute",
        "opened": b"open",
        "refused": b"refuse",
    }
    with TrialRun("pictures", "trials.failing_trials", tmp_path, 3.0) as trial:
        for name, data in cases.items():
            trial.attempt(TrialCase(name, data))
    assert [name for name, _ in trial.count.failures] == list(cases)[:5]
    assert (trial.count.opened, trial.count.refused) == (1, 1)
    kept = sorted(tmp_path.glob("*.json"))
    assert len(kept) == 5
    assert json.loads(kept[2].read_text())["name"] == "error"
    assert replay(kept[2]) == 0  # as a picture it is refused
    assert "refused" in capsys.readouterr().out
