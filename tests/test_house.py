"""The house's rules hold: lint, format, types, and imports that only point down the ladder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "--no-cache", "vitviz", "tests", "packaging", "resources/guide"],
        [
            "ruff",
            "format",
            "--check",
            "--no-cache",
            "vitviz",
            "tests",
            "packaging",
            "resources/guide",
        ],
        ["mypy"],
        ["lint-imports"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_rule(command: list[str]) -> None:
    tool = shutil.which(command[0], path=str(Path(sys.executable).parent))
    assert tool, f"{command[0]} is missing; pip install '.[test]'"
    done = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


def test_the_fresh_package_costs_next_to_nothing() -> None:
    """What the window waits for before it can show itself must not bring in the heavy libraries."""
    heavy = ("torch", "timm", "torchvision", "PySide6", "matplotlib", "cyclopts")
    code = (
        "import sys, vitviz, vitviz.core.pictures.picture_files\n"
        "import vitviz.session.session, vitviz.__main__\n"
        f"print(*[name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
