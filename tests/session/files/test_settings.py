"""Settings survive restarts, damage and newer versions; a failure is a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from vitviz.core.data.said_facts import SaidFacts
from vitviz.session.app.first_choices import remembered_request
from vitviz.session.files.settings import (
    Settings,
    read_settings,
    settings_folder,
    write_settings,
)
from vitviz.session.files.settings_store import SettingsStore, recent
from vitviz.session.work.request import ModelRequest
from vitviz.views.options import Look


def test_what_is_written_is_read_again(config_folder: Path) -> None:
    assert read_settings() == (Settings(), "")
    kept = Settings(theme="dark", look=Look(opacity=0.3, table="magma"), recent_files=("a", "b"))
    assert write_settings(kept) == ""
    assert read_settings() == (kept, "")
    assert [path.name for path in config_folder.iterdir()] == ["settings.json"]


def test_the_folder_can_be_chosen_or_is_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_folder() == Path(os.environ["VITVIZ_CONFIG_DIR"])
    monkeypatch.delenv("VITVIZ_CONFIG_DIR")
    assert "vitviz" in settings_folder().parts[-1]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"theme": "purple"}', b'{"look": {"opacity": "much"}}', b"\xff\xfe", b"[1]"],
)
def test_a_broken_file_is_kept_aside(content: bytes, config_folder: Path) -> None:
    config_folder.mkdir()
    (config_folder / "settings.json").write_bytes(content)
    settings, said = read_settings()
    assert settings == Settings()
    assert "could not be read" in said
    assert (config_folder / "settings.json.bak").read_bytes() == content
    assert read_settings() == (Settings(), "")


def test_a_newer_file_is_kept_aside_and_unknown_fields_are_not_minded(config_folder: Path) -> None:
    config_folder.mkdir()
    file = config_folder / "settings.json"
    file.write_text('{"theme": "dark", "of_a_later_time": 1}')
    assert read_settings() == (Settings(theme="dark"), "")
    file.write_text('{"version": 99, "theme": "dark"}')
    settings, said = read_settings()
    assert settings.theme == "auto"
    assert "version 99" in said


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "could not be saved" in write_settings(Settings(), tmp_path / "file")


def test_recent_paths_have_the_newest_first_and_once() -> None:
    assert recent(("a", "b", "c"), "c") == ("c", "a", "b")
    assert len(recent(tuple("abcdefghijklmnop"), "z")) == 12


def test_what_was_said_of_a_model_is_asked_once(config_folder: Path) -> None:
    facts = SaidFacts(mean=(0.5,), std=(0.5,), crop_pct=0.9, encoder="student", multi_label=True)
    store = SettingsStore(Settings(confirmed={"old.pth": "test_vit"}))
    wished = ModelRequest("mine.pth", input_size=(96, 128), facts=facts)
    store.confirm(wished)
    kept, problem = read_settings()
    assert problem == ""
    after = SettingsStore(kept)
    assert after.confirmed(ModelRequest("mine.pth")) == wished
    assert after.confirmed(ModelRequest("old.pth")).architecture == "test_vit"
    said_now = ModelRequest("mine.pth", facts=SaidFacts(mean=(0.4,)))
    assert after.confirmed(said_now) == said_now, "what is said now counts"
    assert remembered_request(msgspec.structs.replace(kept, model="")).facts == SaidFacts()
