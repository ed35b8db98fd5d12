"""A batch on a local Ray cluster: the same bytes as on one machine, also when a worker is killed."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import vitviz
from vitviz.core.progress import BadModel, Cancelled, Progress, VitvizError
from vitviz.core.storage import place_of
from vitviz.folders import batch as batch_file
from vitviz.folders import picture_list
from vitviz.folders.averages import statistics_run
from vitviz.folders.averages.statistics_run import StatisticsOrder, statistics_of
from vitviz.folders.batch_call import batch
from vitviz.folders.batch_order import BatchOrder
from vitviz.folders.index import ray_index
from vitviz.folders.index.index_run import IndexOrder, index_folder
from vitviz.folders.model_to_load import ModelToLoad
from vitviz.folders.ray_batch import batch_on_ray
from vitviz.folders.ray_engine import RayCluster

ray = pytest.importorskip("ray")
pytestmark = [
    # Ray's own code leaves sockets open and uses what is deprecated.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two processors of this machine."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    yield
    ray.shutdown()


@pytest.fixture
def order(
    pictures: Path, tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> BatchOrder:
    monkeypatch.setattr(batch_file, "PART", 2)
    model = vitviz.load(tiny_checkpoint)
    return BatchOrder(
        model, pictures, tmp_path / "ray", rows=True, features=True, size=2, workers=1
    )


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*.npz")
    }


def killer(workers: list[int]) -> Progress:
    """Kills the second worker once two pictures are done, and marks that with a 0."""

    def killing(done: float, total: float, what: str = "") -> None:
        if done >= 2 and len(workers) == 2:
            os.kill(workers[1], signal.SIGKILL)
            workers.append(0)

    return killing


def test_two_workers_one_of_them_killed_make_the_same_bytes(
    cluster: None, order: BatchOrder, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    workers: list[int] = []

    found = batch_on_ray(
        order,
        ModelToLoad(str(tiny_checkpoint)),
        RayCluster(2, started=workers.append),
        killer(workers),
    )
    assert len(workers) == 4  # two, the mark of the killing, and the one in its place
    assert (found.done, len(found.broken)) == (12, 1)
    batch(order.folder, out=tmp_path / "one", model=order.model, rows=True, features=True, size=2)
    one, other = files_in(tmp_path / "one"), files_in(order.out)
    assert len(one) == 24
    assert one == other
    assert not list(order.out.rglob(".vitviz-*"))
    again = batch_on_ray(order, ModelToLoad(str(tiny_checkpoint)), RayCluster(2))
    assert (again.done, again.before) == (0, 12)


def test_a_stopped_run_goes_on_on_one_machine(
    cluster: None, order: BatchOrder, tiny_checkpoint: Path
) -> None:
    def stop(done: float, total: float, what: str = "") -> None:
        if done >= 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        batch_on_ray(order, ModelToLoad(str(tiny_checkpoint)), RayCluster(2), stop)
    found = batch_file.run_batch(order)
    assert found.before >= 2
    assert found.before + found.done == 12


def test_averages_of_two_workers_are_those_of_one_machine(
    cluster: None, pictures: Path, tiny_checkpoint: Path, tmp_path: Path, monkeypatch
) -> None:
    for module in (picture_list, statistics_run):
        monkeypatch.setattr(module, "PART", 2)
    order = StatisticsOrder(
        pictures, ("distance", "norms"), ModelToLoad(str(tiny_checkpoint)), size=2, rows=True
    )
    statistics_of(order, tmp_path / "one.npz")
    workers: list[int] = []
    cluster_of_two = RayCluster(2, started=workers.append)
    statistics_of(order, tmp_path / "two.npz", cluster=cluster_of_two, progress=killer(workers))
    assert len(workers) == 4
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


@pytest.mark.parametrize("kind", ["tokens", "heads"])
def test_an_index_of_two_workers_one_of_them_killed_is_that_of_one_machine(
    cluster: None, pictures: Path, tiny_checkpoint: Path, tmp_path: Path, kind, monkeypatch
) -> None:
    monkeypatch.setattr(ray_index, "PART", 2)
    order = IndexOrder(pictures, kind, 2, ModelToLoad(str(tiny_checkpoint)), size=2)
    index_folder(order, tmp_path / "one")
    workers: list[int] = []
    found = index_folder(
        order,
        place_of(f"local://{tmp_path}/two"),
        cluster=RayCluster(2, started=workers.append),
        progress=killer(workers),
    )
    assert len(workers) == 4
    assert (found.added, [Path(file).name for file, _ in found.broken]) == (12, ["broken.png"])
    for name in ("vectors.f16", "lengths.f32", "pictures.jsonl", "about.json"):
        one, two = (tmp_path / folder / name for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    assert not (tmp_path / "two" / "parts").exists()
    again = index_folder(order, tmp_path / "one", cluster=RayCluster(1))
    assert (again.added, again.before) == (0, 12)


def test_what_workers_do_not_share_is_a_sentence(
    pictures: Path, tiny_checkpoint: Path, tiny_model, tmp_path: Path
) -> None:
    order = IndexOrder(pictures, model=ModelToLoad(str(tiny_checkpoint)))
    with pytest.raises(VitvizError, match="memory:// is this process's own"):
        index_folder(order, Path("memory://index"), cluster=RayCluster(2))
    with pytest.raises(VitvizError, match="random weights are others in every worker"):
        index_folder(order, tmp_path / "index", model=tiny_model, cluster=RayCluster(2))


def test_what_a_worker_cannot_do_is_said_in_its_sentence(
    cluster: None, order: BatchOrder, tmp_path: Path
) -> None:
    with pytest.raises(VitvizError) as told:
        batch_on_ray(order, ModelToLoad(str(tmp_path / "none.safetensors")), RayCluster(1))
    with pytest.raises(BadModel) as expected:
        vitviz.load(tmp_path / "none.safetensors")
    assert str(told.value) == str(expected.value)
    with pytest.raises(VitvizError, match="not a loaded one"):
        batch(order.folder, out=order.out, model=order.model, rows=True, engine="ray")
    with pytest.raises(VitvizError, match="a cluster has 1 actor or more"):
        RayCluster(0)


def test_without_ray_a_sentence_says_how_to_have_it(
    pictures: Path, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(VitvizError, match=r"pip install 'vitviz\[ray\]'"):
        batch(pictures, out=tmp_path / "out", model=tiny_checkpoint, rows=True, engine="ray")
