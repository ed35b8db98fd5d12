"""The oldest versions that pyproject allows, installed, with the hostile cases run over them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from .trial_run import TrialCount

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = (
    "tests/models/loading/hub",
    "tests/models/loading/checkpoint",
    "tests/session/figure/test_hostile_recipes.py",
    "tests/session/files/test_hostile_sessions.py",
    "tests/core/pictures",
)
TESTING = ("pytest", "pytest-qt", "hypothesis", "beartype")
"""What these tests need; other libraries want newer ones than the floors, and theirs are skipped."""
_WATCHED = ("pillow", "timm", "torch", "torchvision", "safetensors", "msgspec", "huggingface_hub")
"""What reads files from anywhere; the rest may be new."""


def floors() -> dict[str, str]:
    """The lower bounds of what is watched, by package."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {}
    for wanted in known["dependencies"]:
        bound = re.match(r"([\w-]+)>=([\w.]+)", wanted)
        if bound and bound[1].lower() in _WATCHED:
            found[bound[1]] = bound[2]
    return found


def run(*, seed: int, minutes: float, most: int, keep: Path) -> TrialCount:
    """Installs them into an environment of their own: downloads some GB."""
    count = TrialCount("floors")
    with tempfile.TemporaryDirectory(prefix="vitviz-floors-") as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder, "Scripts" if os.name == "nt" else "bin", "python")
        bounds = [f"{name}=={version}" for name, version in floors().items()]
        install = [str(python), "-m", "pip", "install", "-q", f"{ROOT}[formats]", *TESTING, *bounds]
        done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode:
            count.failures.append(("installing " + ", ".join(bounds), done.stderr))
            return count
        for tests in HOSTILE:
            ended = subprocess.run(
                [str(python), "-m", "pytest", tests], cwd=ROOT, capture_output=True, text=True
            )
            if ended.returncode:
                count.failures.append((tests, ended.stdout[-3000:]))
            else:
                count.opened += 1
    return count
