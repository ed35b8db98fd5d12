"""Batches, averages and indexes from a store into a store: what a disk's would be, and sentences."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vitviz.cli import run
from vitviz.core.files import whole
from vitviz.core.progress import Cancelled, VitvizError
from vitviz.core.storage import StoragePath, place_of
from vitviz.folders import batch as batch_file
from vitviz.folders import run_lock
from vitviz.folders.averages.folder_statistics import read_statistics
from vitviz.folders.averages.statistics_run import StatisticsOrder, statistics_of
from vitviz.folders.batch_call import batch
from vitviz.folders.index.index_query import where_else
from vitviz.folders.index.index_run import IndexOrder, index_folder
from vitviz.folders.index.vector_index import open_index

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(params=["memory", "local"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StoragePath]:
    """An empty bucket; copies that are made of what is in it lie in a folder of the test."""
    monkeypatch.setenv("VITVIZ_CACHE_DIR", str(tmp_path / "cache"))
    name = f"local://{tmp_path}/bucket" if request.param == "local" else "memory://bucket"
    place = place_of(name)
    assert isinstance(place, StoragePath)
    yield place
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def photos(store: StoragePath, pictures: Path) -> StoragePath:
    """The folder's pictures in the store."""
    for file in pictures.rglob("*.png"):
        with whole(store / "photos" / file.relative_to(pictures)) as unfinished:
            unfinished.write_bytes(file.read_bytes())
    return store / "photos"


def arrays(file: Path) -> dict[str, np.ndarray]:
    with file.open("rb") as opened, np.load(opened) as found:
        return {name: found[name] for name in found if name != "about"}


def test_a_batch_makes_what_it_makes_on_a_disk_and_goes_on(
    photos: StoragePath, pictures: Path, tiny_model, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(batch_file, "PART", 4)
    out = photos.parent / "results"

    def stop(done: float, total: float, what: str = "") -> None:
        if done >= 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        batch(photos, out=out, model=tiny_model, rows=True, size=2, workers=1, progress=stop)
    made = len(list(out.glob("*.npz")))
    found = batch(str(photos), out=str(out), model=tiny_model, rows=True, size=2, workers=1)
    assert (found.before >= 4, found.done + found.before) == (True, 12)
    assert made >= found.before
    assert [file.rpartition("/")[2] for file, _ in found.broken] == ["broken.png"]
    assert json.loads((out / "report.json").read_text("utf-8"))[0]["picture"] == str(
        photos / "broken.png"
    )
    batch(pictures, out=tmp_path / "disk", model=tiny_model, rows=True, size=2, workers=1)
    on_disk = sorted((tmp_path / "disk").rglob("*.npz"))
    assert len(on_disk) == 12
    for file in on_disk:
        there = arrays(out / file.relative_to(tmp_path / "disk"))
        assert there.keys() == arrays(file).keys()
        for name, values in arrays(file).items():
            np.testing.assert_array_equal(there[name], values)
    names = {file.name for file in out.walked() if not file.name.endswith(".npz")}
    assert names == {"manifest.jsonl", "report.json"}


def test_averages_go_into_a_store_and_are_merged_there(
    photos: StoragePath, pictures: Path, tiny_model, tmp_path: Path, few_in_a_part: int, capsys
) -> None:
    out = photos.parent / "stats"
    order = StatisticsOrder(photos, ("distance", "norms"), size=5, rows=True)
    for at in (1, 2):
        shard = StatisticsOrder(order.folder, order.views, size=5, rows=True, shard=(at, 2))
        statistics_of(shard, out / f"{at}.npz", model=tiny_model)
    parts = [str(out / "1.npz"), str(out / "2.npz")]
    assert run(["merge", *parts, "-o", str(out / "all.npz")], lambda _: 0) == 3
    assert "12 pictures averaged" in capsys.readouterr().out
    on_disk = StatisticsOrder(pictures, order.views, size=5, rows=True)
    statistics_of(on_disk, tmp_path / "all.npz", model=tiny_model)
    for name, values in arrays(tmp_path / "all.npz").items():
        np.testing.assert_allclose(arrays(out / "all.npz")[name], values, rtol=1e-6)
    assert run(["merge", str(out / "all.npz"), "-o", str(out / "all.pdf")], lambda _: 0) == 3
    assert (out / "all.pdf").read_bytes().startswith(b"%PDF")
    left = {file.name for file in out.walked()}
    assert left == {"1.npz", "2.npz", "all.npz", "all.pdf"}


def test_stopped_averages_go_on(photos: StoragePath, tiny_model, few_in_a_part: int) -> None:
    order = StatisticsOrder(photos, ("distance",), size=5, rows=True)
    out = photos.parent / "stats.npz"

    def stop(found: object) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        statistics_of(order, out, model=tiny_model, grown=stop)
    assert read_statistics(photos.parent / "stats.npz.unfinished" / "sum.npz").done == (0,)
    seen: list[int] = []
    statistics_of(order, out, model=tiny_model, grown=lambda found: seen.append(len(found.done)))
    assert seen == [2, 3]
    assert read_statistics(out).used == 12
    assert not (photos.parent / "stats.npz.unfinished").exists()


def test_an_index_in_a_store_is_asked_gone_on_with_and_copied_once(
    photos: StoragePath, pictures: Path, tiny_model, tmp_path: Path, capsys
) -> None:
    place, order = photos.parent / "photos.index", IndexOrder(photos, layer=2, size=3)

    def stop(done: float, total: float, what: str = "") -> None:
        if done >= 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        index_folder(order, place, model=tiny_model, progress=stop)
    known = len(open_index(place).entries)
    assert 4 <= known < 12
    (tmp_path / "cache").rename(tmp_path / "another")  # as on another machine
    found = index_folder(order, place, model=tiny_model)
    assert (found.before, found.before + found.added) == (known, 12)
    index_folder(IndexOrder(pictures, layer=2, size=3), tmp_path / "index", model=tiny_model)
    asked = photos / "5.png"
    here = where_else(open_index(tmp_path / "index"), pictures / "5.png", [(4, 4)], count=5)
    there = where_else(open_index(place), asked, [(4, 4)], count=5)
    assert [each.entry.name for each in there.places] == [each.entry.name for each in here.places]
    command = ["find", str(place), "--picture", str(asked), "--token", "4,4"]
    assert run([*command, "-o", str(photos.parent / "found.png")], lambda _: 0) == 0
    assert "5.png" in capsys.readouterr().out.splitlines()[0]
    assert (photos.parent / "found.png").read_bytes().startswith(b"\x89PNG")
    assert not (place / "lock").exists()


def test_two_runs_into_one_folder_are_refused_and_a_dead_one_is_not(
    photos: StoragePath, tiny_model, monkeypatch
) -> None:
    out = photos.parent / "results"

    def held(at: float, process: int, machine: str = "elsewhere") -> None:
        with whole(out / ".batch-1-of-1.lock") as unfinished:
            words = {"machine": machine, "process": process, "at": at}
            unfinished.write_text(json.dumps(words), "utf-8")

    held(time.time(), 1)
    with pytest.raises(VitvizError, match="another batch is writing the same pictures"):
        batch(photos, out=out, model=tiny_model, rows=True)
    held(time.time() - run_lock.STALE - 1, 1)
    assert batch(photos, out=out, model=tiny_model, rows=True).done == 12
    held(time.time(), 2**22 + 1, run_lock.node())  # a process that is none
    assert batch(photos, out=out, model=tiny_model, rows=True).before == 12


def test_what_is_not_there_is_a_sentence(store: StoragePath, tiny_model, tmp_path: Path, capsys):
    for words in (
        ["batch", str(store / "none"), "--rows", "-o", str(store / "out"), "--untrained"],
        [
            "stats",
            str(store / "none"),
            "-v",
            "distance",
            "-o",
            str(store / "out.npz"),
            "--untrained",
        ],
        ["index", str(store / "none"), "-o", str(store / "index"), "--untrained"],
    ):
        assert run([*words, "--model", "test_vit"], lambda _: 0) == 1
        assert f"there is no folder {store / 'none'}" in capsys.readouterr().err
    assert run(["merge", str(store / "none.npz"), "-o", str(tmp_path / "a.npz")], lambda _: 0) == 1
    assert f"there is no file {store / 'none.npz'}" in capsys.readouterr().err
    assert run(["find", str(store / "none.index"), "--head", "0"], lambda _: 0) == 1
    assert f"{store / 'none.index'} is no index" in capsys.readouterr().err


def test_films_stay_on_this_machine(store: StoragePath, tmp_path: Path, tiny_model) -> None:
    film = tmp_path / "film.gif"
    film.write_bytes(b"GIF89a")
    with pytest.raises(VitvizError, match="a film is unpacked on this machine"):
        batch(film, out=store / "film", model=tiny_model, view="heads")
