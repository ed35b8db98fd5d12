"""Models by name, card and file; and one sentence for every file that cannot be a model."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models.tnt import TNT

import vitviz
from vitviz.core.progress import BadModel, Cancelled, VitvizError
from vitviz.models import bundled, devices
from vitviz.models.loading.bundled import bundled_in
from vitviz.models.loading.checkpoint.checkpoint_files import read_state

ARGUMENTS = {
    "img_size": 48,
    "patch_size": 8,
    "embed_dim": 64,
    "depth": 2,
    "num_heads": 2,
    "num_classes": 3,
}


@pytest.fixture
def small():
    torch.manual_seed(0)
    return timm.models.vision_transformer.VisionTransformer(**ARGUMENTS)


def card(**changes):
    return {
        "name": "vitviz/small",
        "title": "Small",
        "architecture": {"class": "VisionTransformer", "arguments": ARGUMENTS},
        "patch_sizes": [8, 12, 16],
        "default_patch_size": 8,
        "input_size": [3, 48, 48],
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "interpolation": "bicubic",
        "crop_pct": 1.0,
        "crop_mode": "center",
        "classes": [{"wnid": "n1", "name": each} for each in "abc"],
        "trained": True,
        "licence": "MIT",
        "sha256": "12ab",
    } | changes


@pytest.fixture
def library(small, tmp_path, monkeypatch):
    """A folder of bundled models with one in it."""
    save_file(small.state_dict(), str(tmp_path / "small.safetensors"))
    (tmp_path / "small.json").write_text(json.dumps(card()))
    (tmp_path / "without-weights.json").write_text(json.dumps(card(name="vitviz/none")))
    found = bundled_in(tmp_path)
    for module in ("model_loading", "timm_models"):
        monkeypatch.setattr(f"vitviz.models.loading.{module}.bundled", lambda: found)
    return found


def test_bundled_models_are_found_by_their_cards(library):
    (model,) = library
    assert (model.name, model.title, model.patch_sizes) == ("vitviz/small", "Small", (8, 12, 16))
    assert (model.default_patch_size, model.input_size) == (8, (48, 48))
    assert model.card["licence"] == "MIT"


def test_a_bundled_model_is_loaded_as_its_card_says(library, small, photo):
    model = vitviz.load("vitviz/small")
    assert (model.info.weights, model.info.patch, model.info.classes) == ("trained", (8, 8), 3)
    assert (model.info.heads, model.info.depth, model.info.dim) == (2, 2, 64)
    assert (model.info.licence, model.info.weights_hash) == ("MIT", "12ab")
    assert model.info.notes == ()
    assert torch.equal(model.module.head.weight, small.head.weight)
    assert {each.name for each in vitviz.trace(model, photo).predictions} == {"a", "b", "c"}


@pytest.mark.parametrize(("patch", "grid", "notes"), [(12, 4, 0), (24, 2, 1)])
def test_patches_of_other_sizes(library, photo, patch, grid, notes):
    model = vitviz.load("vitviz/small", patch_size=patch)
    trace = vitviz.trace(model, photo)
    assert (trace.grid.rows, trace.grid.patch) == (grid, (patch, patch))
    assert trace.positions is not None
    assert trace.positions.shape == (grid**2, 64)
    assert len(model.info.notes) == notes
    if notes:
        assert "24 was not among the trained ones (8, 12, 16)" in model.info.notes[0]


def test_random_weights_say_so(tiny_model):
    info = tiny_model.info
    assert (info.weights, info.weights_hash, info.source) == ("untrained", "", "")
    assert tiny_model.labels == ()
    assert not tiny_model.module.training
    assert (info.device, info.precision) == ("cpu", "fp32")


def test_a_picture_need_not_be_square(photo):
    model = vitviz.load("test_vit", pretrained=False, input_size=(96, 160), dynamic_img_size=True)
    trace = vitviz.trace(model, photo)
    assert (trace.grid.rows, trace.grid.cols) == (6, 10)
    assert trace.crop.model == (96, 160)
    assert trace.positions.shape == (60, 64)


def test_a_checkpoint_by_its_name(tiny_checkpoint, photo):
    model = vitviz.load(tiny_checkpoint)
    assert (model.info.weights, model.info.architecture) == ("trained", "test_vit")
    assert len(model.info.weights_hash) == 64
    assert model.info.source == tiny_checkpoint.name
    other = vitviz.load(str(tiny_checkpoint), patch_size=32)
    assert vitviz.trace(other, photo).grid.rows == 5
    assert "from 16 × 16 to 32 × 32 pixels" in " ".join(other.info.notes)


@pytest.mark.parametrize("wrap", ["state_dict", "model", "teacher", "module."])
def test_a_checkpoint_in_its_wrappers(small, tmp_path, wrap, photo):
    state = small.state_dict()
    if wrap == "module.":
        wrapped = {f"module.{key}": value for key, value in state.items()}
    else:
        wrapped = {wrap: state, "epoch": 3}
    file = tmp_path / "mine.pth"
    torch.save(wrapped, file)
    model = vitviz.load(file)
    assert model.info.weights == "trained"
    assert (model.info.depth, model.info.dim, model.info.classes) == (2, 64, 3)
    assert model.preprocess.size == (48, 48)
    facts = {each.fact: each.certainty for each in model.info.evidence}
    assert facts["architecture"] == "proven"
    assert facts["heads"] == facts["mean and std"] == "assumed"
    assert torch.equal(
        model.module.state_dict()["blocks.1.mlp.fc1.weight"], state["blocks.1.mlp.fc1.weight"]
    )


def test_a_card_beside_the_file_says_what_it_is(small, tmp_path, photo):
    file = tmp_path / "mine.safetensors"
    save_file({key: value.half() for key, value in small.state_dict().items()}, str(file))
    file.with_suffix(".json").write_text(json.dumps(card()))
    model = vitviz.load(file)
    assert (model.info.heads, model.info.title) == (2, "Small")
    assert model.preprocess.mean == (0.5, 0.5, 0.5)
    assert model.labels == ("a", "b", "c")
    assert model.module.head.weight.dtype == torch.float32


@pytest.mark.parametrize(
    "how",
    [
        {"class_token": False, "global_pool": "avg"},
        {"reg_tokens": 3},
        {"init_values": 1e-4},
        {"global_pool": "map", "class_token": False},
        {"no_embed_class": True},
        {"qk_norm": True},
        {"num_classes": 0},
        {"pre_norm": True},
        {"global_pool": "avg", "reg_tokens": 2},
    ],
    ids=str,
)
def test_plain_vits_are_recognised_by_their_shapes(tmp_path, how):
    torch.manual_seed(0)
    arguments = {**ARGUMENTS, "embed_dim": 128, **how}
    module = timm.models.vision_transformer.VisionTransformer(**arguments).eval()
    file = tmp_path / "something.safetensors"
    save_file(module.state_dict(), str(file))
    model = vitviz.load(file)
    pixels = torch.rand(1, 3, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(model.module(pixels), module(pixels))


def test_a_tnt_is_recognised_by_its_keys(tmp_path, photo):
    torch.manual_seed(0)
    module = TNT(
        img_size=64,
        patch_size=16,
        embed_dim=128,
        inner_dim=8,
        depth=2,
        num_heads_inner=4,
        num_heads_outer=2,
        num_classes=4,
    )
    file = tmp_path / "something.safetensors"
    save_file(module.state_dict(), str(file))
    trace = vitviz.trace(vitviz.load(file), photo)
    assert (trace.model.architecture, trace.model.family) == ("TNT", "tnt")
    assert [layer.name for layer in trace.layers] == ["blocks.0.attn_out", "blocks.1.attn_out"]
    assert trace.grid.prefix == ("class",)
    assert trace.positions.shape == (16, 128)


def test_what_did_not_match_is_listed(small, tmp_path):
    file = tmp_path / "test_vit.safetensors"
    state = timm.create_model("test_vit").state_dict()
    state["extra"] = torch.zeros(3)
    del state["norm.bias"]
    save_file(state, str(file))
    info = vitviz.load(file).info
    assert info.weights == "partly loaded"
    assert "norm.bias" in info.notes[0]
    assert "extra" in info.notes[1]


def test_a_name_that_the_tensors_do_not_confirm_is_said(tmp_path):
    file = tmp_path / "test_vit.safetensors"
    save_file(timm.create_model("test_vit", embed_dim=128).state_dict(), str(file))
    info = vitviz.load(file).info
    assert (info.architecture, info.dim) == ("VisionTransformer", 128)
    assert any("its name says test_vit" in note for note in info.notes)
    with pytest.raises(BadModel, match=r"cls_token is \(1, 1, 128\) in the file and \(1, 1, 64\)"):
        vitviz.load(file, architecture="test_vit")


def broken(kind, tmp_path):
    """A file that is no model of vitviz's, and what the sentence says of it."""
    file = tmp_path / f"{kind}.safetensors"
    match kind:
        case "missing":
            pass
        case "empty":
            file.write_bytes(b"")
        case "text":
            file.write_text("hello")
        case "truncated":
            save_file({"a": torch.zeros(1000)}, str(file))
            file.write_bytes(file.read_bytes()[:500])
        case "other":
            file = tmp_path / "test_vit.safetensors"
            save_file(timm.create_model("test_resnet").state_dict(), str(file))
        case "unknown":
            save_file({"stem.weight": torch.zeros(3), "tail.weight": torch.zeros(3)}, str(file))
        case "pickled":
            file = tmp_path / "pickled.pth"
            torch.save({"model": Danger()}, file)
        case "list":
            file = tmp_path / "list.pt"
            torch.save([torch.zeros(2)], file)
        case "prose":
            file = tmp_path / "prose.pt"
            file.write_text("hi")
        case "ending":
            file = tmp_path / "model.onnx"
            file.write_bytes(b"1")
    return file


class Danger:
    def __reduce__(self):
        # Not print itself: ray puts its own in its place in a process that used it.
        return (eval, ("print('unpickled!')",))


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "was not found in"),
        ("empty", "is empty"),
        ("text", "begins like no format of weights"),
        ("truncated", "is cut short; download it again"),
        ("other", "is timm's test_resnet, which has no attention"),
        ("unknown", "name one"),
        ("pickled", "would run builtins.eval when it is unpickled; nothing of it was run"),
        ("list", "holds no tensors by name"),
        ("ending", "begins like no format of weights"),
        ("prose", "is damaged, cut short or no checkpoint"),
    ],
)
def test_a_bad_file_gets_one_sentence(kind, says, tmp_path, capsys):
    file = broken(kind, tmp_path)
    with pytest.raises(BadModel, match=says) as caught:
        vitviz.load(file)
    sentence = str(caught.value)
    assert file.name in sentence
    assert "\n" not in sentence
    assert "unpickled!" not in capsys.readouterr().out


def test_a_wrong_name_gets_near_ones(tiny_checkpoint):
    with pytest.raises(BadModel, match=r"did you mean .*vit_base_patch16_224"):
        vitviz.load("vit_base_patch16_225")
    with pytest.raises(BadModel, match="no architecture 'nothing'"):
        vitviz.load(tiny_checkpoint, architecture="nothing")


@pytest.mark.parametrize("name", ["x" * 5000, "transformers/" + "y" * 300, "/tmp/" + "é" * 200])
def test_a_name_that_no_file_can_have_is_a_sentence(name):
    with pytest.raises(BadModel, match=r"a name of [\d,]+ letters is no model's") as caught:
        vitviz.load(name)
    assert len(str(caught.value)) < 200


def test_without_a_network_it_says_what_works(library):
    with pytest.raises(
        BadModel, match=r"not on this computer and offline mode is on.*vitviz/small"
    ):
        vitviz.load("test_vit")


def test_what_cannot_be_built_is_said():
    with pytest.raises(BadModel, match="test_vit cannot be built with"):
        vitviz.load("test_vit", pretrained=False, nonsense=3)
    with pytest.raises(VitvizError, match="there is no device 'cuda:77'"):
        vitviz.load("test_vit", pretrained=False, device="cuda:77")
    with pytest.raises(VitvizError, match="precision 'fp8' is not offered"):
        vitviz.load("test_vit", pretrained=False, precision="fp8")
    with pytest.raises(BadModel, match="a patch size is at least 1 pixel, not 0"):
        vitviz.load("test_vit", pretrained=False, patch_size=0)
    with pytest.raises(BadModel, match="a patch size is at least 1 pixel, not 0"):
        vitviz.load("test_vit", pretrained=False, patch_size=(8, 0))  # a TNT's may be oblong
    with pytest.raises(BadModel, match="an input size is at least 1 pixel, not -8"):
        vitviz.load("test_vit", pretrained=False, input_size=(96, -8))


def test_what_names_no_model_is_said(tmp_path):
    with pytest.raises(BadModel, match="is a folder, not a model; open the checkpoint file inside"):
        vitviz.load(str(tmp_path))
    with pytest.raises(BadModel, match="there is no model ''"):
        vitviz.load("")
    with pytest.raises(BadModel, match="by its name or a file's path, not 3"):
        vitviz.load(3)


def test_what_is_no_model_traces_nothing(photo):
    with pytest.raises(BadModel, match=r"is a model, not str; load one with vitviz\.load"):
        vitviz.trace("test_vit", photo)


def test_a_file_that_may_not_be_read_is_not_called_missing_or_damaged(tmp_path):
    for name in ("test_vit.safetensors", "test_vit.pth"):
        locked = tmp_path / name
        locked.write_bytes(b"something")
        locked.chmod(0)
        if os.access(locked, os.R_OK):
            pytest.skip("the superuser may read everything")
        with pytest.raises(BadModel, match=f"{name} may not be read by this user"):
            vitviz.load(locked)


def test_a_folder_with_a_checkpoints_name_is_a_folder(tmp_path):
    (tmp_path / "model.pth").mkdir()
    with pytest.raises(BadModel, match=r"model.pth is a folder, not a checkpoint"):
        vitviz.load(tmp_path / "model.pth")


def test_a_missing_file_is_named_with_its_whole_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadModel, match=f"was not found in {tmp_path};"):
        vitviz.load("gone.safetensors")


def test_loading_can_be_stopped(library):
    def stop(done, total, what=""):
        raise Cancelled

    with pytest.raises(Cancelled):
        vitviz.load("vitviz/small", progress=stop)


def test_devices_end_with_the_cpu():
    assert devices()[-1].name == "cpu"
    assert devices()[-1].precisions == ("fp32", "bf16")


def test_bf16_is_verified_within_its_own_precision(photo):
    trace = vitviz.trace(vitviz.load("test_vit", pretrained=False, precision="bf16"), photo)
    assert trace.model.precision == "bf16"
    assert trace.refused == ()
    assert 1e-4 < trace.verified < 5e-2
    np.testing.assert_allclose(trace.layers[0].attention.rows(0).sum(-1), 1, atol=1e-5)


def test_wrapped_and_unwrapped_files_hold_the_same(small, tmp_path):
    torch.save({"state_dict": {"module.a": torch.ones(1)}}, tmp_path / "a.pt")
    assert list(read_state(tmp_path / "a.pt")) == ["a"]


def test_finding_the_bundled_models_imports_no_torch():
    code = (
        "import sys, vitviz.models as m; m.bundled(); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'timm', 'PySide6')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_bundled_model_that_is_there_loads(photo):
    for each in bundled():
        model = vitviz.load(each.name)
        assert model.info.weights in ("trained", "untrained")
        assert vitviz.trace(model, photo).refused == ()


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("test_vit.safetensor3", "there are test_vit.r160_in1k"),
        ("vit_tiny_patch16_224.nonsense", "there are vit_tiny_patch16_224.augreg_in21k"),
    ],
)
def test_weights_that_timm_has_not_are_said_to_be_none(name: str, instead: str) -> None:
    """timm ends in a RuntimeError of its own there."""
    with pytest.raises(BadModel) as error:
        vitviz.load(name)
    assert instead in str(error.value)
