"""Foreseen errors say it themselves; others are named in a sentence and logged with their trace."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator

import numpy as np
import platformdirs
import pytest
import torch

from vitviz.core.progress import BadImage
from vitviz.session.app.crash_report import reports_folder
from vitviz.session.files.settings_folder import settings_folder
from vitviz.session.work.log import log_file, sentence, start_log


@pytest.fixture
def log() -> Iterator[None]:
    assert start_log() == ""
    yield
    logger = logging.getLogger("vitviz")
    for handler in list(logger.handlers):
        handler.close()
        logger.removeHandler(handler)


def test_own_errors_speak_for_themselves(log: None) -> None:
    assert sentence(BadImage("a.png is empty; copy it again"), "opening a.png") == (
        "a.png is empty; copy it again"
    )
    assert not log_file().exists()


def test_others_are_named_and_logged(log: None) -> None:
    try:
        {}["missing"]
    except KeyError as error:
        said = sentence(error, "drawing Heads")
    assert said.startswith("drawing Heads failed (KeyError: 'missing')")
    assert str(log_file()) in said
    text = log_file().read_text(encoding="utf-8")
    assert "Traceback" in text
    assert "test_others_are_named_and_logged" in text


@pytest.mark.parametrize(
    "ask",
    [lambda: np.empty(2**60, np.uint8), lambda: torch.empty(2**60, dtype=torch.uint8)],
    ids=["numpy", "torch"],
)
def test_too_little_memory_is_said_as_such(log: None, ask: Callable[[], object]) -> None:
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        ask()
    said = sentence(caught.value, "drawing Heads")
    assert said.startswith("drawing Heads needs more memory than is free (")
    assert said.endswith("take a smaller input size")
    assert "Traceback" in log_file().read_text(encoding="utf-8")


def test_starting_twice_logs_once(log: None) -> None:
    assert start_log() == ""
    sentence(RuntimeError(), "something")
    assert log_file().read_text(encoding="utf-8").count("something failed") == 1


def test_logs_lie_in_the_systems_place_for_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert log_file().parent == settings_folder(), "a folder that was chosen holds everything"
    monkeypatch.delenv("VITVIZ_CONFIG_DIR")
    assert log_file().parent == platformdirs.user_log_path("vitviz", appauthor=False)
    assert reports_folder().parent == log_file().parent


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights otherwise")
def test_the_log_is_for_this_user_alone_and_no_entry_fills_it(log: None) -> None:
    sentence(ValueError("x" * 10**6 + "\udcff"), "opening bad\udcff.png")
    assert log_file().stat().st_mode & 0o777 == 0o600
    assert log_file().stat().st_size < 30_000
