"""A hub or a mirror that means ill writes nothing outside the cache and has nothing run."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from localhub import Hub, served, turn_to
from safetensors.torch import save

import vitviz
from vitviz.core.progress import BadModel, silent
from vitviz.models.loading.hub import download, hub_files

WEIGHTS = np.random.default_rng(0).bytes(100_000)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one file; retries wait for hardly anything."""
    monkeypatch.setattr(download, "WAITS", (0.01, 0.01))
    with served(Hub({"timm/small/model.safetensors": WEIGHTS})) as found:
        turn_to(found, tmp_path / "hub", monkeypatch)
        yield found


def outside(tmp_path: Path) -> list[Path]:
    """Files that lie beside the cache instead of in it."""
    return [
        file
        for file in tmp_path.rglob("*")
        if file.is_file() and "hub" not in file.relative_to(tmp_path).parts[:1]
    ]


@pytest.mark.parametrize(
    "tag", ["../../../../escaped", "/tmp/escaped", "..\\..\\escaped", "a" * 300]
)
def test_a_tag_never_becomes_a_way_out_of_the_cache(server: Hub, tmp_path: Path, tag: str) -> None:
    server.headers = {"ETag": f'"{tag}"', "X-Linked-Etag": f'"{tag}"'}
    file = download.fetch("timm/small", "small", silent)
    assert file.read_bytes() == WEIGHTS
    assert file.resolve().name == hashlib.sha256(tag.encode()).hexdigest()
    assert file.resolve().is_relative_to((tmp_path / "hub").resolve())
    assert not outside(tmp_path)


def test_a_commit_never_becomes_a_way_out_of_the_cache(server: Hub, tmp_path: Path) -> None:
    server.headers = {"X-Repo-Commit": "../../../../escaped"}
    file = download.fetch("timm/small", "small", silent)
    assert file.read_bytes() == WEIGHTS
    assert hub_files.cached("timm/small") == file
    assert not outside(tmp_path)


def test_a_body_ends_at_the_size_that_was_declared(server: Hub) -> None:
    server.surplus = 10**6
    assert download.fetch("timm/small", "small", silent).read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    "name", ["../../x", "a/../../x", "a/b/c", "/etc/passwd", "a//b", "", "a b/c", "a/b@../../x"]
)
def test_what_is_no_repository_is_said_to_be_none(server: Hub, name: str, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="no repository of the hub"):
        vitviz.load(f"hf-hub:{name}")
    assert not server.asked
    assert not outside(tmp_path)


def test_a_plain_http_hub_is_refused_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("http://hub.example/x", "ftp://hub.example/x", "file:///etc/passwd"):
        with pytest.raises(BadModel, match="not encrypted"):
            hub_files.check_address(address)
    hub_files.check_address("https://hub.example/x")
    monkeypatch.setenv(hub_files.PLAIN_HTTP, "1")
    hub_files.check_address("http://hub.example/x")


def put(server: Hub, config: object, weights: bytes, file: str = "model.safetensors") -> None:
    server.files = {
        "someone/model/config.json": json.dumps(config).encode(),
        f"someone/model/{file}": weights,
    }


def trained() -> tuple[torch.nn.Module, bytes]:
    torch.manual_seed(3)
    module = timm.create_model("test_vit", num_classes=5, img_size=96)
    return module, save(module.state_dict())


CONFIG = {
    "architecture": "test_vit",
    "num_classes": 5,
    "model_args": {"img_size": 96},
    "pretrained_cfg": {
        "input_size": [3, 96, 96],
        "mean": [0.1, 0.2, 0.3],
        "std": [0.5, 0.5, 0.5],
        "num_classes": 5,
        "classifier": "head",
        "first_conv": "patch_embed.proj",
    },
}


def test_a_repository_of_the_hub_is_what_timm_makes_of_it(server: Hub) -> None:
    _, weights = trained()
    put(server, CONFIG, weights)
    model = vitviz.load("hf-hub:someone/model")
    theirs = timm.create_model("hf-hub:someone/model", pretrained=True).eval()
    mine = model.module.state_dict()
    assert all(torch.equal(mine[key], value) for key, value in theirs.state_dict().items())
    assert (model.info.classes, model.info.input_size) == (5, (96, 96))
    assert model.preprocess.mean == pytest.approx((0.1, 0.2, 0.3))


@pytest.mark.parametrize(
    "more",
    [
        {"model_args": {"checkpoint_path": "evil.pth"}},
        {"model_args": {"pretrained_cfg": {"file": "evil.pth"}}},
        {"model_args": {"img_size": "96"}},
        {"model_args": {"embed_dim": 1e99}},
    ],
)
def test_a_description_asks_for_sizes_and_switches_only(server: Hub, more: dict) -> None:
    put(server, CONFIG | more, trained()[1])
    with pytest.raises(BadModel, match="not followed"):
        vitviz.load("hf-hub:someone/model")


@pytest.mark.parametrize("text", ["[" * 100_000, "null", "{", '{"architecture": null}', "\0"])
def test_a_damaged_description_ends_in_a_sentence(server: Hub, text: str) -> None:
    put(server, {}, trained()[1])
    server.files["someone/model/config.json"] = text.encode()
    with pytest.raises(BadModel, match=r"config\.json"):
        vitviz.load("hf-hub:someone/model")


class _Evil:
    def __reduce__(self):
        return (open, ("executed", "w"))


def test_no_second_file_is_fetched_and_nothing_is_unpickled(
    server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = {"hf_hub_filename": "evil.pth", "url": f"{server.address}/evil.pth"}
    asked["file"] = str(tmp_path / "evil.pth")
    put(server, CONFIG | {"pretrained_cfg": {**CONFIG["pretrained_cfg"], **asked}}, trained()[1])
    server.files["someone/model/evil.pth"] = pickle.dumps(_Evil(), 2)
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(_Evil(), 2))
    vitviz.load("hf-hub:someone/model")
    assert not [asked for asked in server.asked if "evil" in asked]
    server.files = {
        "someone/other/config.json": json.dumps(CONFIG).encode(),
        "someone/other/pytorch_model.bin": pickle.dumps(_Evil(), 2),
    }
    with pytest.raises(BadModel, match="unpickling"):
        vitviz.load("hf-hub:someone/other")
    assert not (tmp_path / "executed").exists()


def test_nothing_is_fetched_where_nobody_has_agreed(server: Hub) -> None:
    put(server, CONFIG, trained()[1])
    for name in ("hf-hub:someone/model", "vit_tiny_patch16_224", "gcvit_xxtiny.in1k"):
        with pytest.raises(BadModel, match=r"--allow-download"):
            vitviz.load(name, allow_download=False)
    assert not server.asked
    vitviz.load("hf-hub:someone/model")
    vitviz.load("hf-hub:someone/model", allow_download=False)  # it is here now


@pytest.mark.parametrize("name", ["checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay"])
def test_timm_is_never_sent_to_a_file_of_its_own(name: str, tmp_path: Path) -> None:
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(_Evil(), 2))
    with pytest.raises(BadModel, match="give its path"):
        vitviz.load("test_vit", pretrained=False, **{name: str(tmp_path / "evil.pth")})


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "nonsense://x"])
def test_a_proxy_that_cannot_be_used_is_said(
    server: Hub, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    from huggingface_hub import close_session

    close_session()
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
    with pytest.raises(BadModel, match="proxy"):
        download.fetch("timm/small", "small", silent)
    monkeypatch.undo()
    close_session()
