"""numpy's threads rest between products, unless somebody chose otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vitviz.core.idle_threads import rest_between_products

NAME = "OPENBLAS_THREAD_TIMEOUT"


def test_what_somebody_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "20")
    rest_between_products()
    assert os.environ[NAME] == "20"
    monkeypatch.delenv(NAME)
    rest_between_products()
    assert int(os.environ[NAME]) < 20


def test_the_program_says_it_before_numpy_comes() -> None:
    code = "import sys\nfrom vitviz.__main__ import main\nprint('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
