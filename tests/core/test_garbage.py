"""Garbage is not looked for while imports run, and is again afterwards."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from vitviz.core import garbage


def test_the_collector_rests_and_wakes_with_the_last_pause() -> None:
    assert gc.isenabled()
    with garbage.garbage_kept():
        with garbage.garbage_kept():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_is_off_stays_off() -> None:
    gc.disable()
    try:
        with garbage.garbage_kept():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_it_wakes_after_an_import_that_fails() -> None:
    with pytest.raises(ModuleNotFoundError), garbage.garbage_kept():
        import nothing_of_that_name  # type: ignore[import-not-found]  # noqa: F401
    assert gc.isenabled()


def test_a_script_keeps_its_garbage_and_the_program_its_imports() -> None:
    frozen = []
    for own in ("pass", "garbage.own_this_process()"):
        code = (
            "import gc\nfrom vitviz.core import garbage\n"
            f"{own}\nwith garbage.garbage_kept(): import json\nprint(gc.get_freeze_count() > 0)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        frozen.append(done.stdout.strip())
    assert frozen == ["False", "True"]
