"""The library in the window: found by typing, downloaded with progress, opened, at any size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from localhub import Hub, served, turn_to
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.library.library_panel import LibraryPanel
from vitviz.models.loading.hub import download
from vitviz.session.library.library_items import LibraryFilters, needs
from vitviz.session.library.model_library import ModelDownload

SMALL = "test_vit.r160_in1k"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path) -> Iterator[Hub]:
    monkeypatch.setattr(download, "WAITS", (0.01,))
    content = tiny_checkpoint.read_bytes()
    with served(Hub({f"timm/{SMALL}/model.safetensors": content})) as found:
        turn_to(found, tmp_path / "hub", monkeypatch)
        yield found


@pytest.fixture
def model_name(hub: Hub) -> str:
    """Asked for when the hub is there: the window must find it."""
    return "test_vit2"


@pytest.fixture
def panel(window: MainWindow) -> LibraryPanel:
    window.perform("find_model")
    assert window.library.panel is not None
    return window.library.panel


def current(panel: LibraryPanel) -> str:
    item = panel.list.current
    return "" if item is None else item.name


def test_it_opens_with_the_keys_and_all_names_and_closes_again(window: MainWindow) -> None:
    assert window.library.panel is None, "the start does not pay for it"
    window.perform("find_model")
    panel = window.library.panel
    assert panel is not None
    assert panel.isVisible()
    assert window.focusWidget() is panel.search
    assert panel.list.rows.rowCount() > 800
    window.perform("find_model")
    assert not panel.isVisible()
    assert window.focusWidget() is window.board
    window.perform("find_model")
    assert panel.isVisible()
    assert window.library.panel is panel


def test_the_strip_of_pictures_is_as_wide_after_the_library_as_before(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.resize(1600, 900)
    width = window.filmstrip.width()
    window.perform("find_model")
    qtbot.waitUntil(lambda: window.library.width() > 200)
    window.perform("find_model")
    qtbot.waitUntil(lambda: window.filmstrip.width() == width, timeout=2000)


def test_the_list_is_painted_before_the_rest_is_built(qtbot: QtBot, window: MainWindow) -> None:
    window.perform("find_model")
    panel = window.library.panel
    assert panel is not None
    assert not panel.is_complete
    qtbot.waitUntil(lambda: panel.is_complete)
    assert panel.facts.isVisible()
    assert panel.memory.isVisible()


def test_opening_shows_no_window_of_its_own(qtbot: QtBot, window: MainWindow) -> None:
    shown: list[QObject] = []

    class Windows(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
            if event.type() == QEvent.Type.Show and isinstance(watched, QWidget):
                shown.extend([watched] if watched.isWindow() else [])
            return False

    watch = Windows()
    application = QApplication.instance()
    assert application is not None
    application.installEventFilter(watch)
    window.perform("find_model")
    panel = window.library.panel
    assert panel is not None
    qtbot.waitUntil(lambda: panel.is_complete)
    application.removeEventFilter(watch)
    assert not shown


def test_escape_gives_the_keys_back(qtbot: QtBot, window: MainWindow, panel: LibraryPanel) -> None:
    qtbot.keyClick(panel.search, Qt.Key.Key_Escape)
    assert not panel.isVisible()


def test_escape_in_the_list_gives_them_back_too(
    qtbot: QtBot, window: MainWindow, panel: LibraryPanel
) -> None:
    panel.list.setFocus()
    qtbot.keyClick(panel.list, Qt.Key.Key_Escape)
    assert not panel.isVisible()
    assert window.focusWidget() is window.board


def test_typing_finds_and_arrows_choose(qtbot: QtBot, panel: LibraryPanel) -> None:
    qtbot.keyClicks(panel.search, "test_vit r160")
    assert panel.list.rows.rowCount() == 3
    first = current(panel)
    qtbot.keyClick(panel.search, Qt.Key.Key_Down)
    assert current(panel) != first
    assert panel.count.text().startswith("3 of ")


def test_a_model_that_is_not_here_is_downloaded_and_shown(
    qtbot: QtBot, window: MainWindow, panel: LibraryPanel, hub: Hub
) -> None:
    panel.search.setText(SMALL)
    assert panel.facts.open.text() == "Get and show"
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    trace = window.session.trace
    assert trace is not None
    assert trace.model.name == SMALL
    assert trace.model.weights == "trained"
    assert hub.asked["GET model.safetensors"] == 1
    assert panel.facts.open.text() == "Show"
    assert not panel.facts.fetch.isVisible()


def test_random_weights_need_no_download(window: MainWindow, panel: LibraryPanel, hub: Hub) -> None:
    panel.search.setText(SMALL)
    panel.facts.random.setChecked(True)
    assert panel.facts.open.text() == "Show"
    panel.facts.open.click()
    trace = window.session.trace
    assert trace is not None
    assert trace.model.weights == "untrained"
    assert not hub.asked


def test_a_failed_download_is_said_where_it_was_wished(panel: LibraryPanel, hub: Hub) -> None:
    hub.status = [503] * 9
    panel.search.setText(SMALL)
    panel.facts.open.click()
    assert "HTTP 503" in panel.facts.said.text()
    assert panel.facts.said.objectName() == "bad"
    hub.status = []
    panel.facts.fetch.click()
    assert not panel.facts.said.isVisible()


def test_the_keys_do_not_go_to_the_budget_when_the_button_that_had_them_goes(
    window: MainWindow, panel: LibraryPanel
) -> None:
    panel.search.setText(SMALL)
    facts = panel.facts
    facts.fetch.setFocus()
    assert window.focusWidget() is facts.fetch
    facts.show_download(ModelDownload("running", 10, 100), offline=False)
    assert window.focusWidget() is facts.stop
    facts.show_download(ModelDownload("stopped", 10, 100), offline=False)
    assert window.focusWidget() is facts.open
    panel.search.setFocus()
    facts.show_download(ModelDownload("running", 10, 100), offline=False)
    assert window.focusWidget() is panel.search


def test_a_gated_model_links_to_its_terms(panel: LibraryPanel, hub: Hub) -> None:
    hub.gated = {f"timm/{SMALL}"}
    panel.search.setText(SMALL)
    panel.facts.open.click()
    assert "gated" in panel.facts.said.text()
    assert f'href="{hub.address}/timm/{SMALL}"' in panel.facts.said.text()


def test_another_input_size_says_its_tokens_before_it_runs(
    window: MainWindow, panel: LibraryPanel
) -> None:
    panel.search.setText(SMALL)
    panel.facts.random.setChecked(True)
    panel.facts.side.setValue(224)
    assert "197 tokens" in panel.facts.cost.text()
    panel.facts.side.setValue(225)
    assert "patch 16 does not divide" in panel.facts.cost.text()
    assert not panel.facts.open.isEnabled()
    panel.facts.side.setValue(224)
    panel.facts.open.click()
    trace = window.session.trace
    assert trace is not None
    assert trace.grid.tokens == 197
    cost = needs(panel.list.current, 224)
    assert cost.picture == pytest.approx(trace.held_bytes, rel=0.05)


def test_what_is_over_the_budget_is_asked_about(
    qtbot: QtBot, window: MainWindow, panel: LibraryPanel
) -> None:
    panel.search.setText("vit_base_patch8_224.dino")
    panel.facts.random.setChecked(True)
    panel.facts.side.setValue(2048)
    assert "over the memory budget of 1,024 MB" in panel.facts.cost.text()
    assert panel.facts.open.text() == "Show anyway"
    before = window.session.request
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    assert window.session.request == before, "Enter does not run what is too large"
    panel.memory.budget.setValue(65536)
    assert window.session.settings.now.memory_mb == 65536
    assert panel.facts.open.text() == "Show"


def test_empty_shelves_say_how_they_are_filled(panel: LibraryPanel) -> None:
    panel.bar.shelves["favourites"].click()
    assert "star" in panel.empty.text()
    panel.bar.shelves["files"].click()
    assert "Ctrl+M" in panel.empty.text()
    assert panel.file.isVisible()
    panel.bar.shelves["all"].click()
    panel.search.setText("no such thing")
    assert "no such thing" in panel.empty.text()
    panel.widen.click()
    assert panel.bar.filters == LibraryFilters()
    assert panel.list.rows.rowCount() > 800


def test_a_star_puts_a_model_on_its_shelf(window: MainWindow, panel: LibraryPanel) -> None:
    panel.list.starred.emit(SMALL)
    assert window.session.settings.now.favourites == (SMALL,)
    panel.bar.shelves["favourites"].click()
    assert current(panel) == SMALL
    panel.list.starred.emit(SMALL)
    assert panel.list.rows.rowCount() == 0


def test_filters_narrow_and_are_marked(panel: LibraryPanel) -> None:
    panel.bar.choices.patch.setCurrentIndex(panel.bar.choices.patch.findData(14))
    panel.bar.choices.registers.setChecked(True)
    assert 0 < panel.list.rows.rowCount() < 50
    assert panel.bar.more.text() != "Filters"


def test_a_name_that_is_in_no_list_can_be_tried(
    qtbot: QtBot, window: MainWindow, panel: LibraryPanel
) -> None:
    panel.search.setText("hf-hub:nobody/nothing")
    assert panel.named.isVisible()
    panel.named.click()
    assert any("nobody/nothing" in sentence for sentence in window.notices.sentences)


def test_memory_in_use_is_shown_and_files_come_on_their_shelf(
    window: MainWindow, panel: LibraryPanel, tiny_checkpoint: Path
) -> None:
    window.session.open([str(tiny_checkpoint)])
    panel.bar.shelves["files"].click()
    assert current(panel) == str(tiny_checkpoint)
    assert dict(window.session.held)["models"] > 0
    words = panel.memory._words.text()
    assert words.endswith(" MB")
    assert all(kind in words.lower() for kind in ("models", "traces", "pictures"))
    assert "models" in panel.memory._words.toolTip()
