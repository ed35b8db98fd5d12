"""A repository of the hub opens whatever library wrote it: timm, transformers, open_clip."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from localhub import Hub, served, turn_to
from PIL import Image
from safetensors.torch import save_file

import vitviz
from vitviz.core.progress import BadModel
from vitviz.models.loading.hub import download
from vitviz.models.loading.hub.repository_files import to_fetch

NAME = "hf-hub:someone/model"
SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "image_size": 64,
    "patch_size": 16,
}
pytestmark = pytest.mark.filterwarnings("ignore")  # transformers' own about its own


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty hub; retries wait for hardly anything."""
    monkeypatch.setattr(download, "WAITS", (0.01, 0.01))
    with served(Hub({})) as found:
        turn_to(found, tmp_path / "hub", monkeypatch)
        yield found


def put(server: Hub, folder: Path) -> None:
    """All files of a folder as a repository."""
    server.files = {f"someone/model/{each.name}": each.read_bytes() for each in folder.iterdir()}


def transformers_vit(folder: Path, **saving: Any) -> Any:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.ViTConfig(**SMALL, id2label={0: "cat", 1: "dog", 2: "owl"})
    model = transformers.ViTForImageClassification(config)
    model.save_pretrained(folder, **saving)
    size = {"height": 64, "width": 64}
    processor = transformers.ViTImageProcessor(size=size, image_mean=[0.4] * 3, image_std=[0.3] * 3)
    processor.save_pretrained(folder)
    return model.eval()


@pytest.mark.parametrize("shard", ["1GB", "20KB"])
def test_a_model_of_transformers_with_its_processor(
    server: Hub, tmp_path: Path, photo: np.ndarray, shard: str
) -> None:
    own = transformers_vit(tmp_path / "saved", max_shard_size=shard)
    put(server, tmp_path / "saved")
    assert ("someone/model/model.safetensors.index.json" in server.files) == (shard == "20KB")
    assert to_fetch(NAME) == "someone/model"
    model = vitviz.load(NAME, strict=True)
    assert to_fetch(NAME) == ""
    assert (model.info.heads, model.labels) == (4, ("cat", "dog", "owl"))
    assert model.preprocess.mean == pytest.approx((0.4,) * 3)
    assert model.info.title == NAME
    with torch.no_grad():
        pixels = torch.randn(1, 3, 64, 64)
        torch.testing.assert_close(model.module(pixels), own(pixels).logits, atol=1e-5, rtol=1e-4)
    assert vitviz.trace(model, photo).badge.state == "good"
    server.files = {}
    again = vitviz.load(NAME, allow_download=False)
    assert again.info.weights_hash == model.info.weights_hash, "it is on this computer now"


def test_a_model_of_open_clip(server: Hub, tmp_path: Path) -> None:
    open_clip = pytest.importorskip("open_clip")
    torch.manual_seed(0)
    vision = {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 16}
    text = {"context_length": 8, "vocab_size": 20, "width": 32, "heads": 2, "layers": 1}
    sizes = {"embed_dim": 32, "vision_cfg": vision, "text_cfg": text}
    own = open_clip.model.CLIP(**sizes).eval()
    prepared = {"mean": [0.1, 0.2, 0.3], "std": [0.5] * 3, "interpolation": "bicubic"}
    saved = tmp_path / "saved"
    saved.mkdir()
    config = {"model_cfg": sizes, "preprocess_cfg": {**prepared, "resize_mode": "shortest"}}
    (saved / "open_clip_config.json").write_text(json.dumps(config))
    save_file(dict(own.state_dict()), saved / "open_clip_model.safetensors")
    put(server, saved)
    model = vitviz.load(NAME, strict=True)
    assert model.info.heads == 4
    assert model.preprocess.mean == pytest.approx((0.1, 0.2, 0.3))
    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        mine = model.module.forward_features(pixels)[:, 0] @ own.visual.proj
        torch.testing.assert_close(mine, own.encode_image(pixels), atol=1e-5, rtol=1e-4)


def aimv2(folder: Path) -> Any:
    """Of a kind that vitviz has no table for."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = transformers.Aimv2VisionModel(transformers.Aimv2VisionConfig(**SMALL))
    model.save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return model.eval()


def test_names_without_a_table_are_built_by_transformers(
    server: Hub, tmp_path: Path, photo: np.ndarray
) -> None:
    own = aimv2(tmp_path / "saved")
    put(server, tmp_path / "saved")
    for name in (NAME, tmp_path / "saved", str(tmp_path / "saved")):
        model = vitviz.load(name)
        trace = vitviz.trace(model, Image.fromarray(photo))
        assert (trace.grid.rows, trace.grid.cols) == (4, 4)
        assert model.info.architecture == type(own).__name__
        assert model.info.name == str(name)
        assert model.reload is not None
        assert model.reload().info.weights_hash == model.info.weights_hash
        mine = dict(model.module.named_parameters())
        assert all(torch.equal(mine[key], value) for key, value in own.named_parameters())


def test_random_numbers_in_place_of_missing_ones_are_refused(tmp_path: Path) -> None:
    own = aimv2(tmp_path)
    state = {
        key: value for key, value in own.state_dict().items() if "layers.1.attention" not in key
    }
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadModel):
        vitviz.load(tmp_path)
    with pytest.raises(BadModel, match="would be random"):
        vitviz.load(f"transformers/{tmp_path}")


@pytest.mark.parametrize("named", ["../../evil.safetensors", "model.py", ".x.safetensors"])
def test_an_index_fetches_weights_beside_itself_alone(
    server: Hub, tmp_path: Path, named: str
) -> None:
    transformers_vit(tmp_path / "saved")
    (tmp_path / "saved" / "model.safetensors").unlink()
    index = {"weight_map": {"a": named}}
    (tmp_path / "saved" / "model.safetensors.index.json").write_text(json.dumps(index))
    put(server, tmp_path / "saved")
    with pytest.raises(BadModel, match="index of someone/model"):
        vitviz.load(NAME)
    assert not [asked for asked in server.asked if "evil" in asked or ".py" in asked]
