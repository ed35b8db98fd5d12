"""A batch on a local Ray cluster: the same bytes as on one machine, also when a worker is killed."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import vitviz
from vitviz.core.progress import BadModel, Cancelled, VitvizError
from vitviz.folders import batch as batch_file
from vitviz.folders.averages.statistics_run import StatisticsOrder, statistics_of
from vitviz.folders.batch_call import batch
from vitviz.folders.batch_order import BatchOrder
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


def test_two_workers_one_of_them_killed_make_the_same_bytes(
    cluster: None, order: BatchOrder, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    workers: list[int] = []

    def killing(done: float, total: float, what: str = "") -> None:
        if done >= 2 and len(workers) == 2:
            os.kill(workers[1], signal.SIGKILL)
            workers.append(0)

    found = batch_on_ray(
        order, ModelToLoad(str(tiny_checkpoint)), RayCluster(2), killing, started=workers.append
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
    cluster: None, pictures: Path, tiny_checkpoint: Path, tmp_path: Path, few_in_a_part: int
) -> None:
    order = StatisticsOrder(
        pictures, ("distance", "norms"), ModelToLoad(str(tiny_checkpoint)), size=5, rows=True
    )
    statistics_of(order, tmp_path / "one.npz")
    statistics_of(order, tmp_path / "two.npz", cluster=RayCluster(2))
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


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
