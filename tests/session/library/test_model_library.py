"""The library finds models, knows what is on disk, and downloads without holding anything up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from home import Home
from localhub import Hub, served, turn_to

from vitviz.models.loading.hub import download
from vitviz.session.files.settings import Settings
from vitviz.session.library.library_items import LibraryFilters
from vitviz.session.library.model_library import ModelLibrary
from vitviz.session.work.jobs import InlineJobs, Jobs

SMALL = "test_vit.r160_in1k"


class Remembered:
    """Settings that are changed as a session would."""

    def __init__(self) -> None:
        self.settings = Settings()

    def now(self) -> Settings:
        return self.settings

    def change(self, **changes: Any) -> None:
        self.settings = msgspec.structs.replace(self.settings, **changes)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path) -> Iterator[Hub]:
    monkeypatch.setattr(download, "WAITS", (0.01,))
    content = tiny_checkpoint.read_bytes()
    with served(Hub({f"timm/{SMALL}/model.safetensors": content})) as found:
        turn_to(found, tmp_path / "hub", monkeypatch)
        yield found


@pytest.fixture
def library(hub: Hub) -> ModelLibrary:
    kept = Remembered()
    made = ModelLibrary(InlineJobs(), kept.now, kept.change)
    made.open()
    return made


def names(library: ModelLibrary, **filters: Any) -> list[str]:
    return [item.name for item in library.search(LibraryFilters(**filters))]


def test_all_of_timms_transformers_and_the_bundled_ones_are_there(library: ModelLibrary) -> None:
    everything = names(library)
    assert len(everything) > 800
    assert everything[0].startswith("vitviz/")
    assert SMALL in everything


def test_words_are_looked_for_in_names_training_and_licence(library: ModelLibrary) -> None:
    assert names(library, text="tiny patch16 augreg 384")[0].startswith("vit_tiny_patch16_384")
    assert all("dino" in name for name in names(library, text="dino small"))
    found = names(library, text="laion-2b mit")
    assert found
    assert all("laion2b" in name for name in found)
    assert names(library, text="no such model") == []
    assert names(library, text="swin_")[0].startswith("swin_"), "beginnings come first"


def test_names_come_in_the_order_of_their_numbers(library: ModelLibrary) -> None:
    found = [
        name for name in names(library, text="vit_base_patch") if name.startswith("vit_base_p")
    ]
    assert found.index("vit_base_patch8_224.dino") < found.index("vit_base_patch16_224.dino")


def test_filters_leave_what_they_say(library: ModelLibrary) -> None:
    items = {item.name: item for item in library.items}
    for name in names(library, patch=14, learning="self-supervised", registers=True):
        assert items[name].patch == 14
        assert items[name].registers > 0
    assert names(library, patch=14, learning="self-supervised", registers=True)
    small = names(library, parameters=(0, 10_000_000), order="parameters")
    sizes = [items[name].parameters for name in small]
    assert sizes == sorted(sizes)
    assert 0 < sizes[-1] <= 10_000_000
    free = {items[name].licence for name in names(library, free=True)}
    assert "cc-by-nc-4.0" not in free
    assert "apache-2.0" in free
    assert names(library, shelf="disk") == names(library, shelf="bundled")
    assert names(library, shelf="files") == []


def test_a_star_is_remembered(library: ModelLibrary) -> None:
    library.favour(SMALL, True)
    assert names(library, shelf="favourites") == [SMALL]
    library.favour(SMALL, False)
    assert names(library, shelf="favourites") == []


def test_a_download_is_told_and_ends_on_disk(library: ModelLibrary, hub: Hub) -> None:
    told: list[tuple[str, float]] = []
    library.download_changed.connect(
        lambda name: told.append((library.state(name).state, library.state(name).done))
    )
    ready: list[str] = []
    library.downloaded.connect(ready.append)
    library.download(SMALL)
    assert ready == [SMALL]
    assert max(done for _, done in told) == len(hub.files[f"timm/{SMALL}/model.safetensors"])
    item = library.find("test_vit")
    assert item is not None
    assert item.on_disk
    assert item.exact
    assert SMALL in names(library, shelf="disk")
    asked = sum(hub.asked.values())
    library.download(SMALL)
    assert sum(hub.asked.values()) == asked


def test_a_failed_download_says_why(library: ModelLibrary, hub: Hub) -> None:
    hub.status = [503] * 9
    library.download(SMALL)
    assert library.state(SMALL).state == "failed"
    assert "HTTP 503" in library.state(SMALL).said
    hub.status = []
    library.download(SMALL)
    assert SMALL in names(library, shelf="disk")


def test_a_download_is_stopped_and_goes_on(hub: Hub) -> None:
    kept, home = Remembered(), Home()
    hub.pause, hub.piece = 0.005, 2**12
    library = ModelLibrary(jobs := Jobs(home.deliver), kept.now, kept.change)
    try:
        library.open()
        library.download(SMALL)
        home.until(lambda: library.state(SMALL).done > 0)
        library.stop(SMALL)
        assert library.state(SMALL).state == "stopped"
        here = library.state(SMALL).done
        hub.pause = 0
        library.download(SMALL)
        home.until(lambda: SMALL in names(library, shelf="disk"))
        assert int(hub.ranges[-1].removeprefix("bytes=").rstrip("-")) >= here > 0
    finally:
        jobs.close()


def test_a_download_stopped_some_other_day_is_known(library: ModelLibrary, hub: Hub) -> None:
    hub.cut_after = [300_000, 0]
    library.download(SMALL)
    assert library.state(SMALL).state == "failed"
    kept = Remembered()
    another_day = ModelLibrary(InlineJobs(), kept.now, kept.change)
    another_day.open()
    assert another_day.state(SMALL).state == "stopped"
    assert 0 < another_day.state(SMALL).done <= 300_000
    another_day.download(SMALL)
    assert SMALL in names(another_day, shelf="disk")


def test_without_a_network_the_library_is_there_and_says_so(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    kept = Remembered()
    library = ModelLibrary(InlineJobs(), kept.now, kept.change)
    library.open()
    assert library.offline
    assert len(names(library)) > 800
    library.download(SMALL)
    assert "offline mode is on" in library.state(SMALL).said


def test_files_opened_before_are_on_a_shelf(hub: Hub, tiny_checkpoint: Path) -> None:
    kept = Remembered()
    kept.change(recent_models=(str(tiny_checkpoint), "/nowhere/model.pth"))
    library = ModelLibrary(InlineJobs(), kept.now, kept.change)
    library.open()
    assert names(library, shelf="files") == [str(tiny_checkpoint)]
    item = library.find(str(tiny_checkpoint))
    assert item is not None
    assert item.title == tiny_checkpoint.name


def test_another_timm_is_read_anew_once(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalogue lacks a model that the installed timm has; it is looked at and remembered."""
    import timm

    from vitviz.models.catalogue import catalogue as books

    monkeypatch.setenv("VITVIZ_CACHE_DIR", str(tmp_path / "cache"))
    known = books.bundled_catalogue()
    entries = tuple(entry for entry in known.entries if entry.name != SMALL)
    older = books.ModelCatalogue("0.9", entries, known.others)
    monkeypatch.setattr(books, "bundled_catalogue", lambda: older)
    kept = Remembered()
    library = ModelLibrary(InlineJobs(), kept.now, kept.change)
    library.open()
    assert SMALL in names(library)
    assert books.cache_file(timm.__version__).is_file()
    assert books.catalogue().timm == timm.__version__
