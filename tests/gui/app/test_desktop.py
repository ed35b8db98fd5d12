"""About names everything inside with its licence; updates are asked for on request, without a wait."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from vitviz.core import resources
from vitviz.gui.app import text_pages
from vitviz.gui.app.desktop import ask_for_updates, show_about
from vitviz.gui.panels.notices import NoticeStack
from vitviz.gui.widgets.mailbox import Mailbox
from vitviz.gui.widgets.text_page import TextPage
from vitviz.session.app import licences
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs, Jobs


@pytest.fixture
def frame(qtbot: QtBot) -> QWidget:
    """A window that pages stand before."""
    made = QWidget()
    qtbot.addWidget(made)
    return made


def test_about_names_what_is_inside(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config_folder: Path
) -> None:
    folder = tmp_path / "licences"
    folder.mkdir()
    part = licences.LicensedPart("torch & co", "2.13.0", "BSD-3-Clause")
    (folder / "parts.json").write_bytes(msgspec.json.encode([part]))
    (folder / "licences.txt").write_text("all of them")
    monkeypatch.setattr(licences, "resource", lambda name: tmp_path / name)
    parent = QWidget()
    qtbot.addWidget(parent)
    page = text_pages.about_page(parent, "cpu, fp32", licences.parts())
    text = page.text.toPlainText()
    assert "torch & co" in text
    assert "BSD-3-Clause" in text
    assert str(config_folder) in text
    assert (folder / "licences.txt").as_uri() in page.text.toHtml()
    assert Path(text_pages.qt_folder()).is_dir()


def test_about_is_shown_once_it_is_read(qtbot: QtBot, frame: QWidget) -> None:
    session = Session(InlineJobs(), save=lambda _settings: "")
    show_about(session, frame, "cpu", NoticeStack(frame))
    (page,) = frame.findChildren(TextPage)
    assert page.isVisible()
    assert "timm" in page.text.toPlainText()


def test_licences_are_read_off_what_is_installed() -> None:
    found = {
        one.metadata["Name"]: one for one in licences.closure(["timm>=1", "pillow ; x", "no-such"])
    }
    assert {"timm", "torch", "pillow"} <= set(found)
    assert "no-such" not in found
    assert "pytest" not in found, "extras are not followed"
    said = licences.part(found["timm"])
    assert "Apache" in said.licence
    assert said.page.startswith("https://")
    assert any("Apache License" in text for text in licences.texts(found["timm"]).values())


def test_resources_of_a_clone_have_no_licence_file() -> None:
    assert (resources.resource_folder() / "tables.npz").is_file()
    assert licences.texts_file() is None


def test_updates_are_said_when_somebody_answers(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITVIZ_RELEASES", "http://127.0.0.1:9/latest")
    mailbox = Mailbox()
    session, notices = Session(Jobs(mailbox.deliver), save=lambda _: ""), NoticeStack()
    qtbot.addWidget(notices)
    ask_for_updates(session, notices)
    qtbot.waitUntil(lambda: bool(notices.sentences))
    assert "127.0.0.1:9 could not be asked" in notices.sentences[0]
    monkeypatch.setenv("VITVIZ_RELEASES", "")
    notices.dismiss()
    ask_for_updates(session, notices)
    qtbot.waitUntil(lambda: bool(notices.sentences))
    assert "not installed from a release" in notices.sentences[0]
    session.jobs.close()
