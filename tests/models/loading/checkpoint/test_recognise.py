"""Checkpoint files as people have them: wrapped, renamed, from elsewhere, partly there."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from einops import rearrange
from safetensors.torch import save_file
from torch import Tensor

import vitviz
from vitviz.core.progress import BadModel
from vitviz.models import dimensions
from vitviz.models.loading.architectures.by_tensors import preferred
from vitviz.models.loading.checkpoint.checkpoint_files import read_state
from vitviz.models.loading.checkpoint.recognise import recognise
from vitviz.models.nets.tnt import TNT

State = dict[str, Tensor]
TINY = "vit_tiny_patch16_224"


@pytest.fixture(scope="module")
def tiny() -> State:
    """A ViT-Ti/16 of two blocks with random weights."""
    torch.manual_seed(0)
    return dict(timm.create_model(TINY, depth=2, num_classes=10).state_dict())


@pytest.fixture(scope="module")
def known() -> State:
    """timm's test_vit with ten classes of its own."""
    torch.manual_seed(1)
    return dict(timm.create_model("test_vit", num_classes=10).state_dict())


def saved(folder: Path, content: Any, name: str = "my.pth") -> Path:
    torch.save(content, folder / name)
    return folder / name


def prefixed(state: State, prefix: str) -> State:
    return {f"{prefix}{key}": value for key, value in state.items()}


WRAPPED: dict[str, Callable[[State], Any]] = {
    "plain": lambda state: state,
    "model": lambda state: {"model": state, "epoch": 3},
    "lightning": lambda state: {"state_dict": prefixed(state, "model."), "hparams": {}},
    "parallel": lambda state: {"state_dict": prefixed(state, "module.")},
    "compiled": lambda state: prefixed(state, "_orig_mod."),
    "dino": lambda state: {
        "student": prefixed(state, "module.backbone."),
        "teacher": prefixed(state, "backbone.") | {"head.mlp.0.weight": torch.zeros(3, 3)},
    },
    "moco": lambda state: {
        "state_dict": prefixed(state, "module.base_encoder.")
        | {"module.predictor.0.weight": torch.zeros(2, 2)}
    },
    "averaged": lambda state: {
        "state_dict": {key: torch.zeros_like(value) for key, value in state.items()},
        "state_dict_ema": prefixed(state, "module."),
    },
}


@pytest.mark.parametrize("how", WRAPPED)
def test_wrapped_weights_are_found(how: str, known: State, tmp_path: Path) -> None:
    found = read_state(saved(tmp_path, WRAPPED[how](known)))
    for key, value in known.items():
        assert found[key].equal(value), key


def test_shapes_say_the_architecture_and_who_shares_it(known: State, tmp_path: Path) -> None:
    found = recognise(saved(tmp_path, known))
    assert found.how == "shapes"
    assert found.architecture == "test_vit.r160_in1k"
    assert (found.patch, found.size, found.classes, found.heads) == (16, (160, 160), 10, 2)
    assert found.share == 1
    assert found.sure, "only one of timm's has these names and shapes"
    assert {each.certainty for each in found.evidence} == {"proven"}
    model = vitviz.load(found.path, architecture=found.architecture)
    assert model.info.weights == "trained"
    assert model.info.heads == 2


def test_a_tnt_of_known_shapes_is_timms_and_can_be_had_in_timms_class(
    tmp_path: Path, photo: np.ndarray
) -> None:
    torch.manual_seed(0)
    path = saved(tmp_path, timm.create_model("tnt_s_patch16_224").state_dict())
    found = recognise(path)
    assert found.architecture == "tnt_s_patch16_224.in1k"
    assert found.mean == (0.5, 0.5, 0.5), "as it was trained"
    theirs = recognise(path, "timm/tnt_s_patch16_224")
    assert theirs.architecture == "timm/tnt_s_patch16_224"
    assert not theirs.missing
    models = [vitviz.load(path, architecture=each.architecture) for each in (found, theirs)]
    assert [type(model.module) for model in models] == [TNT, timm.models.tnt.TNT]
    assert dimensions(path, architecture=theirs.architecture).input_size == (224, 224)
    one, two = (vitviz.trace(model, photo).layers[-1].attention.rows(0) for model in models)
    np.testing.assert_allclose(one, two, atol=1e-5)


def test_the_same_shapes_with_other_normalisation_are_offered(tmp_path: Path) -> None:
    state = timm.create_model(TINY, num_classes=1000).state_dict()
    found = recognise(saved(tmp_path, state))
    assert "deit_tiny_patch16_224.fb_in1k" in (found.architecture, *found.others)
    augreg = f"{TINY}.augreg_in21k_ft_in1k"
    assert augreg in (found.architecture, *found.others)
    assert recognise(found.path, augreg).mean == (0.5, 0.5, 0.5)
    assert recognise(found.path, "deit_tiny_patch16_224.fb_in1k").mean[0] == pytest.approx(0.485)


def test_a_name_is_enough_to_be_sure(known: State, tmp_path: Path) -> None:
    assert recognise(saved(tmp_path, known, "test_vit.mine.pth")).sure


def test_patch_and_input_of_the_file_are_kept(tmp_path: Path) -> None:
    made = timm.create_model("test_vit", img_size=96, patch_size=8, num_classes=3)
    found = recognise(saved(tmp_path, dict(made.state_dict())))
    assert (found.patch, found.size, found.classes) == (8, (96, 96), 3)
    model = vitviz.load(found.path)
    assert model.info.patch == (8, 8)
    assert model.info.input_size == (96, 96)
    assert not any("resampled" in note for note in model.info.notes)


def test_other_families_are_recognised_by_their_shapes(tmp_path: Path) -> None:
    state = timm.create_model("levit_128s", num_classes=7).state_dict()
    found = recognise(saved(tmp_path, dict(state)))
    assert found.architecture.startswith("levit_128s")
    assert found.classes == 7


def test_a_block_that_is_missing_is_no_map(known: State, tmp_path: Path) -> None:
    part = {key: value for key, value in known.items() if "blocks.1." not in key}
    part["decoder.weight"] = torch.zeros(2, 2)
    path = saved(tmp_path, part)
    problem = recognise(path, "test_vit").problem
    assert "missing: blocks.1." in problem
    assert "nobody trained" in problem
    with pytest.raises(BadModel, match="nobody trained"):
        vitviz.load(path, architecture="test_vit")


def test_what_comes_after_the_last_attention_may_be_missing(known: State, tmp_path: Path) -> None:
    part = {key: value for key, value in known.items() if not key.startswith("norm.")}
    part["decoder.weight"] = torch.zeros(2, 2)
    path = saved(tmp_path, part)
    found = recognise(path, "test_vit")
    assert found.missing == ("norm.weight", "norm.bias")
    assert found.extra == ("decoder.weight",)
    assert not found.sure
    model = vitviz.load(path, architecture="test_vit")
    assert model.info.weights == "partly loaded"
    assert any("left untrained" in note for note in model.info.notes)


def test_another_architecture_is_no_fit(known: State, tmp_path: Path) -> None:
    found = recognise(saved(tmp_path, known), "deit_tiny_patch16_224")
    assert found.problem
    strange = recognise(saved(tmp_path, {"a.weight": torch.zeros(3)}, "strange.pth"))
    assert "name one" in strange.problem


def test_a_plain_pickle_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with (tmp_path / "evil.pt").open("wb") as file:
        pickle.dump({"model": torch.nn.Linear(2, 2)}, file, protocol=2)
    with pytest.raises(BadModel, match=r"could run any program.*torch\.save"):
        recognise(tmp_path / "evil.pt")


def as_npz(state: State) -> dict[str, np.ndarray]:
    """timm's names turned into google-research/vision_transformer's."""
    arrays = {key: value.numpy() for key, value in state.items()}
    found = {
        "cls": arrays["cls_token"],
        "embedding/kernel": rearrange(
            arrays["patch_embed.proj.weight"], "dim rgb row col -> row col rgb dim"
        ),
        "embedding/bias": arrays["patch_embed.proj.bias"],
        "Transformer/posembed_input/pos_embedding": arrays["pos_embed"],
        "Transformer/encoder_norm/scale": arrays["norm.weight"],
        "Transformer/encoder_norm/bias": arrays["norm.bias"],
        "head/kernel": arrays["head.weight"].T,
        "head/bias": arrays["head.bias"],
    }
    for block in range(2):
        before, old = f"Transformer/encoderblock_{block}", f"blocks.{block}"
        for number, norm in (("0", "norm1"), ("2", "norm2")):
            found[f"{before}/LayerNorm_{number}/scale"] = arrays[f"{old}.{norm}.weight"]
            found[f"{before}/LayerNorm_{number}/bias"] = arrays[f"{old}.{norm}.bias"]
        for dense, layer in (("0", "fc1"), ("1", "fc2")):
            where = f"{before}/MlpBlock_3/Dense_{dense}"
            found[f"{where}/kernel"] = arrays[f"{old}.mlp.{layer}.weight"].T
            found[f"{where}/bias"] = arrays[f"{old}.mlp.{layer}.bias"]
        where = f"{before}/MultiHeadDotProductAttention_1"
        weights = np.split(arrays[f"{old}.attn.qkv.weight"], 3)
        biases = np.split(arrays[f"{old}.attn.qkv.bias"], 3)
        for name, weight, bias in zip(("query", "key", "value"), weights, biases, strict=True):
            found[f"{where}/{name}/kernel"] = rearrange(
                weight, "(head part) dim -> dim head part", head=3
            )
            found[f"{where}/{name}/bias"] = rearrange(bias, "(head part) -> head part", head=3)
        found[f"{where}/out/kernel"] = rearrange(
            arrays[f"{old}.attn.proj.weight"], "dim (head part) -> head part dim", head=3
        )
        found[f"{where}/out/bias"] = arrays[f"{old}.attn.proj.bias"]
    return found


@pytest.mark.parametrize("prefix", ["", "opt/target/"])
def test_googles_npz_is_read_as_timm_reads_it(tiny: State, tmp_path: Path, prefix: str) -> None:
    arrays = {f"{prefix}{name}": array for name, array in as_npz(tiny).items()}
    np.savez(tmp_path / "ViT-Ti_16.npz", **arrays)
    theirs = timm.create_model(TINY, depth=2, num_classes=10)
    theirs.load_pretrained(str(tmp_path / "ViT-Ti_16.npz"))
    found = read_state(tmp_path / "ViT-Ti_16.npz")
    for key, value in theirs.state_dict().items():
        assert found[key].equal(value), key
    model = vitviz.load(tmp_path / "ViT-Ti_16.npz")
    assert model.info.heads == 3
    assert model.info.weights == "trained"


def test_pictures_are_prepared_for_googles_npz_as_google_does(tmp_path: Path) -> None:
    state = dict(timm.create_model(TINY).state_dict())
    names = ("deit_tiny_patch16_224", TINY)
    assert preferred(Path("best.npz"), state, names).startswith(f"{TINY}.augreg")
    assert "deit" in preferred(Path("best.pth"), state, names)


def test_npz_that_is_something_else_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", numbers=np.zeros(3))
    assert "name one" in recognise(tmp_path / "other.npz").problem
    np.savez(tmp_path / "objects.npz", cls=np.array([{}], dtype=object))
    with pytest.raises(BadModel, match="could run any program"):
        read_state(tmp_path / "objects.npz")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(BadModel, match="cut short"):
        read_state(tmp_path / "cut.npz")


def as_transformers(state: State) -> State:
    """timm's names turned into those of transformers' ViTForImageClassification."""
    found = {
        "vit.embeddings.cls_token": state["cls_token"],
        "vit.embeddings.position_embeddings": state["pos_embed"],
        "classifier.weight": state["head.weight"],
        "classifier.bias": state["head.bias"],
    }
    for kind in ("weight", "bias"):
        found[f"vit.embeddings.patch_embeddings.projection.{kind}"] = state[
            f"patch_embed.proj.{kind}"
        ]
        found[f"vit.layernorm.{kind}"] = state[f"norm.{kind}"]
        for block in range(2):
            new, old = f"vit.encoder.layer.{block}", f"blocks.{block}"
            parts = state[f"{old}.attn.qkv.{kind}"].chunk(3)
            for name, part in zip(("query", "key", "value"), parts, strict=True):
                found[f"{new}.attention.attention.{name}.{kind}"] = part.clone()
            found[f"{new}.attention.output.dense.{kind}"] = state[f"{old}.attn.proj.{kind}"]
            found[f"{new}.intermediate.dense.{kind}"] = state[f"{old}.mlp.fc1.{kind}"]
            found[f"{new}.output.dense.{kind}"] = state[f"{old}.mlp.fc2.{kind}"]
            found[f"{new}.layernorm_before.{kind}"] = state[f"{old}.norm1.{kind}"]
            found[f"{new}.layernorm_after.{kind}"] = state[f"{old}.norm2.{kind}"]
    return found


def test_transformers_vits_are_read(tiny: State, tmp_path: Path) -> None:
    save_file(as_transformers(tiny), str(tmp_path / "model.safetensors"))
    (tmp_path / "config.json").write_text(
        json.dumps({"id2label": {str(index): f"kind {index}" for index in range(10)}}),
        encoding="utf-8",
    )
    model = vitviz.load(tmp_path / "model.safetensors")
    found = model.module.state_dict()
    assert set(found) == set(tiny)
    assert all(found[key].equal(value) for key, value in tiny.items())
    assert model.labels[3] == "kind 3"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("my.classes.txt", "\n".join(f"kind {index}" for index in range(10))),
        ("classes.json", json.dumps([f"kind {index}" for index in range(10)])),
        ("my_class_to_idx.json", json.dumps({f"kind {index}": index for index in range(10)})),
        ("labels.json", json.dumps({str(index): f"kind {index}" for index in range(10)})),
        ("my.json", json.dumps([f"kind {index}" for index in range(10)])),
        ("my.txt", "\n".join(f"kind {index}" for index in range(10))),
    ],
)
def test_class_names_are_read_from_beside_the_file(
    name: str, content: str, known: State, tmp_path: Path, photo: np.ndarray
) -> None:
    path = saved(tmp_path, known)
    (tmp_path / name).write_text(content, encoding="utf-8")
    found = recognise(path)
    assert found.labels[7] == "kind 7"
    assert name in found.labels_said
    trace = vitviz.trace(vitviz.load(path), photo)
    assert trace.predictions[0].name.startswith("kind ")


def test_a_text_of_the_files_name_that_is_something_else_is_left_alone(
    known: State, tmp_path: Path
) -> None:
    path = saved(tmp_path, known)
    path.with_suffix(".txt").write_text("epoch 1\nepoch 2\n", encoding="utf-8")
    found = recognise(path)
    assert (found.labels, found.labels_said) == ((), "")


def test_too_few_class_names_are_said(known: State, tmp_path: Path) -> None:
    path = saved(tmp_path, known)
    (tmp_path / "classes.txt").write_text("one\ntwo\n", encoding="utf-8")
    model = vitviz.load(path)
    assert not model.labels
    assert any("names 2 classes and the model has 10" in note for note in model.info.notes)


def test_a_real_file_without_a_name_sees_what_is_there(data_folder: Path, tmp_path: Path) -> None:
    (real,) = (data_folder / "weights").glob("vit_tiny_patch16_224*.safetensors")
    copy = tmp_path / "best.safetensors"
    copy.write_bytes(real.read_bytes())
    found = recognise(copy)
    trained = f"{TINY}.augreg_in21k_ft_in1k"
    assert trained in found.others
    model = vitviz.load(copy, architecture=trained)
    assert model.info.weights == "trained"
    for photo, label in {
        "koala": "koala",
        "panda": "giant panda",
        "polar_bear": "ice bear",
        "scarlet_macaw": "macaw",
        "coffee": "espresso",
        "dog": "German shepherd",
    }.items():
        (file,) = (data_folder / "photos").glob(f"{photo}.*")
        assert vitviz.trace(model, file).predictions[0].name == label
