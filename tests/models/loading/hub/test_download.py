"""Weights come from the hub whole, or with a sentence that says why not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from localhub import COMMIT, Hub, served, turn_to

from vitviz.core.progress import BadModel, Cancelled, silent
from vitviz.models.loading.hub import download, hub_files

REPOSITORY = "timm/small"
WEIGHTS = np.random.default_rng(0).bytes(700_000)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one model; retries wait for hardly anything."""
    monkeypatch.setattr(download, "WAITS", (0.01, 0.01))
    monkeypatch.setattr(download, "CHUNK", 2**14)
    with served(Hub({f"{REPOSITORY}/model.safetensors": WEIGHTS})) as found:
        turn_to(found, tmp_path / "hub", monkeypatch)
        yield found


def fetch() -> Path:
    return download.fetch(REPOSITORY, "small", silent)


def refusal() -> str:
    with pytest.raises(BadModel) as caught:
        fetch()
    return str(caught.value)


def test_a_file_lies_where_the_hubs_own_library_looks_for_it(server: Hub) -> None:
    file = fetch()
    assert file.read_bytes() == WEIGHTS
    assert file.parent.name == COMMIT
    assert hub_files.cached(REPOSITORY) == file
    assert hub_files.on_disk([REPOSITORY, "timm/other"]) == {REPOSITORY: len(WEIGHTS)}
    asked = sum(server.asked.values())
    assert fetch() == file
    assert sum(server.asked.values()) == asked, "what is on disk needs no network"


def test_the_hub_is_told_nothing_but_who_asks(server: Hub) -> None:
    fetch()
    assert server.agents
    for agent in server.agents:
        assert "vitviz" in agent or "unknown" in agent
        assert "torch" not in agent
    assert not [asked for asked in server.asked if "model.safetensors" not in asked]


def test_progress_is_told_in_bytes_up_to_the_whole(server: Hub) -> None:
    told: list[tuple[float, float]] = []
    download.fetch(REPOSITORY, "small", lambda done, total, what="": told.append((done, total)))
    sizes = [done for done, total in told if total == len(WEIGHTS)]
    assert len(sizes) > 10
    transfer = sizes[: sizes.index(len(WEIGHTS)) + 1]
    assert transfer == sorted(transfer)


def test_a_stopped_download_goes_on_where_it_was_left(server: Hub) -> None:
    server.pause, server.piece = 0.01, 2**14

    def stop(done: float, total: float, what: str = "") -> None:
        if done > 200_000:
            raise Cancelled

    with pytest.raises(Cancelled):
        download.fetch(REPOSITORY, "small", stop)
    here = download.partial(REPOSITORY)
    assert 150_000 < here < len(WEIGHTS)
    assert hub_files.cached(REPOSITORY) is None
    server.pause = 0
    assert fetch().read_bytes() == WEIGHTS
    assert server.ranges == [f"bytes={here}-"]
    assert download.partial(REPOSITORY) == 0


def test_what_is_here_of_a_stopped_download_can_be_thrown_away(server: Hub) -> None:
    server.cut_after = [100_000, 0, 0, 0]
    refusal()
    assert download.partial(REPOSITORY) > 0
    download.discard(REPOSITORY)
    assert download.partial(REPOSITORY) == 0


def test_a_line_that_breaks_is_taken_up_again(server: Hub) -> None:
    server.cut_after = [100_000, 250_000, 150_000]
    assert fetch().read_bytes() == WEIGHTS
    assert server.asked["GET model.safetensors"] == 4


def test_a_hub_that_falls_silent_is_asked_again(
    server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    server.stalls = [0.4]
    assert fetch().read_bytes() == WEIGHTS
    assert len(server.ranges) == 1


def test_a_line_that_always_breaks_is_said_with_what_is_kept(server: Hub) -> None:
    server.cut_after = [300_000, 0, 0, 0]
    said = refusal()
    assert "breaks off again and again; 2" in said
    assert "kB are kept" in said
    assert 280_000 < download.partial(REPOSITORY) <= 300_000


def test_wrong_bytes_are_fetched_once_more(server: Hub) -> None:
    server.spoil = 1
    assert fetch().read_bytes() == WEIGHTS


def test_bytes_that_stay_wrong_are_thrown_away_and_said(server: Hub) -> None:
    server.spoil = 9
    assert "another checksum" in refusal()
    assert hub_files.cached(REPOSITORY) is None
    assert download.partial(REPOSITORY) == 0


def test_an_overloaded_hub_is_asked_again(server: Hub) -> None:
    server.status = [503, 503]
    assert fetch().read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (503, "HTTP 503 at the moment"),
        (401, "does not show you"),
        (403, "HTTP 403"),
        (429, "asks to wait"),
    ],
)
def test_a_hub_that_refuses_is_explained(server: Hub, status: int, said: str) -> None:
    server.status = [status] * 9
    assert said in refusal()


def test_a_gated_model_says_where_its_terms_are(
    server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.gated = {REPOSITORY}
    said = refusal()
    assert f"{server.address}/{REPOSITORY}" in said
    assert "HF_TOKEN" in said
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    said = refusal()
    assert "has not been let in" in said
    assert "hf_secret" not in said
    assert server.tokens[-1] == "Bearer hf_secret"


def test_no_such_repository_and_no_weights_in_it(server: Hub) -> None:
    with pytest.raises(BadModel, match=r"no http://.*/timm/nothing"):
        download.fetch("timm/nothing", "nothing", silent)
    server.files = {f"{REPOSITORY}/README.md": b"words"}
    assert "holds no weights" in refusal()


def test_the_second_best_file_is_taken_where_the_best_is_missing(server: Hub) -> None:
    server.files = {f"{REPOSITORY}/pytorch_model.bin": WEIGHTS}
    assert fetch().name == "pytorch_model.bin"


def test_offline_is_said_and_what_is_on_disk_works(
    server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "offline mode is on" in refusal()
    assert not server.asked
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    fetch()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch().read_bytes() == WEIGHTS


def test_a_hub_that_is_not_there(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    template = "http://127.0.0.1:1/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    assert "cannot be reached" in refusal()


def test_a_page_that_is_no_hub(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localhub.COMMIT", "")
    assert "does not answer as a model hub" in refusal()


def test_a_full_disk_is_said_before_anything_is_fetched(
    server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "SPARE", 10**18)
    said = refusal()
    assert "free" in said
    assert "HF_HOME" in said
    assert server.asked["GET model.safetensors"] == 0


def test_a_cache_that_cannot_be_written(
    server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
    assert "cannot be written" in refusal()


def test_two_at_once_fetch_once(server: Hub) -> None:
    server.pause = 0.01
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(fetch())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert server.asked["GET model.safetensors"] == 1


def test_a_timm_model_is_fetched_once_and_then_works_offline(
    server: Hub, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants
    from safetensors.torch import load_file

    import vitviz

    server.files = {"timm/test_vit.r160_in1k/model.safetensors": tiny_checkpoint.read_bytes()}
    told: list[str] = []
    model = vitviz.load("test_vit", progress=lambda done, total, what="": told.append(what))
    assert any("downloading test_vit: 1 MB of 1 MB" in words for words in told)
    stored = load_file(tiny_checkpoint)
    for key, value in model.module.state_dict().items():
        assert value.equal(stored[key])
    assert model.info.weights == "trained"
    assert model.info.weights_hash == COMMIT
    asked = sum(server.asked.values())
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert vitviz.load("test_vit").info.weights == "trained"
    assert sum(server.asked.values()) == asked


def test_a_repository_that_does_not_say_what_it_holds(server: Hub, tiny_checkpoint: Path) -> None:
    import vitviz

    server.files = {"someone/model/model.safetensors": tiny_checkpoint.read_bytes()}
    with pytest.raises(BadModel, match=r"no config\.json that would say which"):
        vitviz.load("hf-hub:someone/model")
