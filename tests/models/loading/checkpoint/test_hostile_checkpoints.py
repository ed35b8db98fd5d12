"""Files that were made to do harm, or are damaged: a sentence each, nothing executed, soon."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

import vitviz
from vitviz.core.progress import BadModel, VitvizError
from vitviz.models.loading.checkpoint.checkpoint import read_checkpoint
from vitviz.models.loading.checkpoint.json_file import read_json, read_mapping

StateDict = dict[str, Tensor]
MARK: list[str] = []


@pytest.fixture(scope="module")
def vit() -> StateDict:
    return dict(timm.create_model("test_vit", num_classes=3).state_dict())


class Calling:
    """Asks to be unpickled by calling something."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self.function, self.arguments


def leave_a_mark(text: str) -> str:
    MARK.append(text)
    return text


CALLS = {
    "system": (os.system, ("touch pwned",), "would run posix.system|would run nt.system"),
    "eval": (eval, ("1",), "would run builtins.eval"),
    "getattr": (getattr, (1, "real"), "would run builtins.getattr"),
    "import": (__import__, ("this",), "would run builtins.__.*import__"),
}


@pytest.mark.parametrize("call", CALLS)
def test_what_would_run_a_program_is_named_and_not_run(
    call: str, vit: StateDict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    function, arguments, says = CALLS[call]
    for new in (True, False):
        hostile = {"model": vit, "extra": Calling(function, *arguments)}
        torch.save(hostile, tmp_path / "a.pth", _use_new_zipfile_serialization=new)
        with pytest.raises(BadModel, match=says):
            read_checkpoint(tmp_path / "a.pth")
    assert not (tmp_path / "pwned").exists()


def test_a_function_of_somebodys_is_not_called_and_the_tensors_are_read(
    vit: StateDict, tmp_path: Path
) -> None:
    torch.save({"model": vit, "extra": Calling(leave_a_mark, "called")}, tmp_path / "a.pth")
    assert set(read_checkpoint(tmp_path / "a.pth").state) == set(vit)
    assert not MARK


def test_a_dict_that_contains_itself_ends(vit: StateDict, tmp_path: Path) -> None:
    loop: dict[str, Any] = {"epoch": 3}
    loop |= {"state_dict": loop, "args": loop, "model": vit}
    torch.save(loop, tmp_path / "loop.pth")
    assert set(read_checkpoint(tmp_path / "loop.pth").state) == set(vit)
    alone: dict[str, Any] = {}
    alone["model"] = alone
    torch.save(alone, tmp_path / "alone.pth")
    with pytest.raises(BadModel, match="holds no tensors by name"):
        read_checkpoint(tmp_path / "alone.pth")


def test_dicts_in_dicts_a_billion_times_over_are_looked_at_once(
    vit: StateDict, tmp_path: Path
) -> None:
    layer: dict[str, Any] = {"model": vit}
    for _ in range(11):
        layer = {f"k{number}": layer for number in range(30)}
    torch.save(layer, tmp_path / "a.pth")
    assert set(read_checkpoint(tmp_path / "a.pth").state) == set(vit)


TENSORS: dict[str, tuple[Callable[[], Tensor], str]] = {
    "sparse": (lambda: torch.eye(4).to_sparse(), "holds sparse or nested tensors"),
    "csr": (lambda: torch.eye(4).to_sparse_csr(), "holds sparse or nested tensors"),
    "meta": (lambda: torch.zeros(4, 4, device="meta"), "has a shape and no numbers"),
    "complex": (lambda: torch.zeros(4, 4, dtype=torch.complex64), "holds complex numbers"),
    "bool": (lambda: torch.zeros(4, 4, dtype=torch.bool), "holds bool, and nothing in the file"),
    "nothing": (lambda: torch.zeros(0, 4), r"has no numbers \(0 × 4\)"),
    "repeated": (
        lambda: torch.zeros(1).expand(10**6, 10**6),
        ".* and only 4 bytes are there",
    ),
}


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta state")
@pytest.mark.parametrize("kind", TENSORS)
def test_tensors_that_are_no_weights_are_named(kind: str, vit: StateDict, tmp_path: Path) -> None:
    make, says = TENSORS[kind]
    torch.save(vit | {"blocks.0.attn.proj.weight": make()}, tmp_path / "a.pth")
    with pytest.raises(BadModel, match=rf"a.pth(: blocks.0.attn.proj.weight)? {says}"):
        read_checkpoint(tmp_path / "a.pth")


def test_numbers_used_many_times_over_are_no_model(tmp_path: Path) -> None:
    one = torch.zeros(300_000)
    torch.save({f"blocks.{n}.attn.qkv.weight": one for n in range(40)}, tmp_path / "a.pth")
    with pytest.raises(BadModel, match=r"names 46 MB of numbers and has 1 MB"):
        read_checkpoint(tmp_path / "a.pth")


def test_blocks_numbered_beyond_what_is_there_are_damage(vit: StateDict, tmp_path: Path) -> None:
    torch.save(vit | {"blocks.999999999.x": torch.zeros(2)}, tmp_path / "a.pth")
    with pytest.raises(BadModel, match="has a part numbered 999,999,999"):
        read_checkpoint(tmp_path / "a.pth")


def rewritten(path: Path, change: Callable[[bytes], bytes]) -> None:
    """A torch file with another pickle inside, its numbers as they were."""
    with zipfile.ZipFile(path) as old:
        held = {entry.filename: old.read(entry) for entry in old.infolist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in held.items():
            new.writestr(name, change(content) if name.endswith("data.pkl") else content)


def test_more_numbers_than_the_file_has_are_not_read_from_beyond_it(tmp_path: Path) -> None:
    torch.save({"blocks.0.attn.qkv.weight": torch.arange(77.0)}, tmp_path / "a.pth")
    long = b"J" + struct.pack("<i", 2_000_000_000)
    rewritten(tmp_path / "a.pth", lambda content: content.replace(b"K\x4d", long))
    with pytest.raises(BadModel, match=r"damaged|bytes are there"):
        read_checkpoint(tmp_path / "a.pth")


def test_a_damaged_pickle_gets_a_sentence_wherever_it_is_cut_or_changed(
    vit: StateDict, tmp_path: Path
) -> None:
    path = tmp_path / "a.pth"
    torch.save({"model": vit, "epoch": 3}, path)
    whole = path.read_bytes()
    chance = np.random.default_rng(0)
    said: list[str] = []
    opened = 0
    for number in range(60):
        bad = bytearray(whole)
        for _ in range(1 + number % 3):
            bad[chance.integers(0, 9000)] = chance.integers(0, 256)
        path.write_bytes(bytes(bad) if number % 4 else whole[: chance.integers(1, len(whole))])
        try:
            read_checkpoint(path)
            opened += 1
        except BadModel as error:
            said.append(str(error))
    assert opened + len(said) == 60
    assert len(said) > 20
    assert not any("\n" in sentence for sentence in said)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are Unix's")
def test_a_pipe_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "weights.pth")
    said: list[str] = []

    def reading() -> None:
        try:
            read_checkpoint(tmp_path / "weights.pth")
        except BadModel as error:
            said.append(str(error))

    thread = threading.Thread(target=reading, daemon=True)
    thread.start()
    thread.join(20)
    assert said == [
        "weights.pth is a pipe or a device and not a file; copy what it gives to a file"
    ]


def npy(shape: str, dtype: str = "<f4") -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(16)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (npy("(99999999, 99999999)"), "only .* bytes are there"),
        (npy("(-3, -3)"), "is no array that can be read|only .* bytes"),
        (npy("(2,)", "|O"), "unpickling it could run any program"),
        (npy("(2,)", "<c8"), "holds complex64, which are no weights"),
        (npy("(" * 300), "is no array that can be read"),
        (b"hello", "is no array that can be read"),
    ],
)
def test_arrays_of_impossible_shapes_are_never_built(
    content: bytes, says: str, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("cls.npy", content)
    with pytest.raises(BadModel, match=says):
        read_checkpoint(tmp_path / "a.npz")


def test_what_unpacks_to_a_hundred_times_its_size_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        array = io.BytesIO()
        np.save(array, np.zeros(3_000_000, "f4"))
        archive.writestr("cls.npy", array.getvalue())
    with pytest.raises(BadModel, match="would unpack to 11 MB"):
        read_checkpoint(tmp_path / "a.npz")


def test_a_compressed_torch_file_and_another_protocol_have_a_way_out(
    vit: StateDict, tmp_path: Path
) -> None:
    torch.save(vit, tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as old:
        held = {entry.filename: old.read(entry) for entry in old.infolist()}
    with zipfile.ZipFile(tmp_path / "b.pth", "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in held.items():
            new.writestr(name, content)
    with pytest.raises(BadModel, match="compressed by another program than torch"):
        read_checkpoint(tmp_path / "b.pth")
    torch.save(vit, tmp_path / "c.pth", pickle_protocol=4)
    with pytest.raises(BadModel, match="saved with pickle protocol 4"):
        read_checkpoint(tmp_path / "c.pth")


def test_headers_of_safetensors_longer_than_the_file_are_not_believed(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", 2**39) + b'{"a":')
    with pytest.raises(BadModel, match="is cut short: its header has 549,755,813,888 bytes"):
        read_checkpoint(tmp_path / "a.safetensors")
    header = json.dumps({"a": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}})
    content = struct.pack("<Q", len(header)) + header.encode() + bytes(8)
    (tmp_path / "b.safetensors").write_bytes(content)
    with pytest.raises(BadModel, match=r"is cut short|is no safetensors file"):
        read_checkpoint(tmp_path / "b.safetensors")


@pytest.mark.parametrize("content", ["null", "[]", "3", "[" * 100_000, "{", '{"a":' * 5000])
def test_a_config_that_is_null_deep_or_broken_gets_a_sentence(
    content: str, vit: StateDict, tmp_path: Path
) -> None:
    save_file(vit, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(BadModel, match=r"config.json (holds|is no JSON|is nested too deeply)"):
        read_checkpoint(tmp_path)


def test_json_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(VitvizError, match="has 1024 MB"):
        read_json(tmp_path / "a.json")
    assert read_mapping(tmp_path / "none.json") == {}


def test_a_plain_pickle_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"a": np.zeros(3)}))
    with pytest.raises(BadModel, match="is a plain pickle"):
        read_checkpoint(tmp_path / "a.pkl")


CARDS: dict[str, tuple[Any, str]] = {
    "deep": ('{"a":' * 3000, "is nested too deeply|is no JSON"),
    "broken": ("{", "is no JSON"),
    "architecture of null": ('{"architecture": null}', "does not describe"),
    "architecture of a list": ('{"architecture": [1]}', "does not describe"),
    "no class": ('{"architecture": {"class": "os.system"}}', "there is no architecture"),
    "odd arguments": (
        '{"architecture": {"class": "VisionTransformer", "arguments": {"img_size": "x"}}}',
        "cannot be built so",
    ),
    "a billion blocks": (
        '{"architecture": {"class": "VisionTransformer", "arguments": {"depth": 999999999}}}',
        "too few for 999,999,999 blocks",
    ),
    "a billion channels": (
        '{"architecture": {"class": "VisionTransformer", "arguments": {"embed_dim": 960000}}}',
        "it is something else|cannot be built",
    ),
    "mean of words": ('{"architecture": "test_vit", "mean": ["a", "b", "c"]}', "does not describe"),
    "mean of a number": ('{"architecture": "test_vit", "mean": 3}', "does not describe"),
    "another architecture": ('{"architecture": "vit_7b_patch16_dinov3"}', "a.pth"),
}


@pytest.mark.parametrize("card", CARDS)
def test_a_card_that_says_nonsense_gets_a_sentence(
    card: str, vit: StateDict, tmp_path: Path
) -> None:
    content, says = CARDS[card]
    torch.save(vit, tmp_path / "a.pth")
    (tmp_path / "a.json").write_text(content, encoding="utf-8")
    with pytest.raises(BadModel, match=says):
        vitviz.load(tmp_path / "a.pth")


@pytest.mark.parametrize("content", ["null", "[]", "3", '{"epoch": 3, "val_acc": 0.9}', "[[]]"])
def test_what_is_no_card_is_left_alone(content: str, vit: StateDict, tmp_path: Path) -> None:
    torch.save(vit, tmp_path / "a.pth")
    (tmp_path / "a.json").write_text(content, encoding="utf-8")
    assert vitviz.load(tmp_path / "a.pth").info.heads == 2


def test_weights_that_are_no_numbers_are_refused(vit: StateDict, tmp_path: Path) -> None:
    key = "blocks.0.attn.proj.weight"
    torch.save(vit | {key: vit[key] / 0}, tmp_path / "a.pth")
    with pytest.raises(BadModel, match=f"{key} holds numbers that are not finite"):
        vitviz.load(tmp_path / "a.pth")


def test_two_encoders_are_said_and_the_other_can_be_had(vit: StateDict, tmp_path: Path) -> None:
    other = {key: value + 1 for key, value in vit.items() if value.is_floating_point()}
    torch.save({"student": other, "teacher": vit}, tmp_path / "a.pth")
    model = vitviz.load(tmp_path / "a.pth")
    assert any("“teacher” is shown, as DINO" in note for note in model.info.notes)
    assert model.module.norm.bias.equal(vit["norm.bias"])
    student = vitviz.load(tmp_path / "a.pth", encoder="student")
    assert student.module.norm.bias.equal(other["norm.bias"])
    assert ("encoder", "student") in student.info.asked
    with pytest.raises(BadModel, match="no encoder 'ema'"):
        vitviz.load(tmp_path / "a.pth", encoder="ema")


def shaken(state: StateDict, chance: np.random.Generator) -> StateDict:
    """A few tensors of other shapes, types and names, or gone."""
    found = dict(state)
    first = ("cls", "pos", "reg", "patch", "head", "norm.", "blocks.0", "blocks.1.attn")
    keys = [key for key in state if key.startswith(first)]
    for key in chance.choice(keys, int(chance.integers(1, 5)), replace=False).tolist():
        tensor = found.pop(key)
        match int(chance.integers(0, 9)):
            case 0:
                found[key] = tensor.flatten()
            case 1:
                found[key] = tensor[None]
            case 2:
                found[key] = tensor.bool()
            case 3:
                found[key] = torch.tensor(3.0)
            case 4:
                found[key] = torch.zeros(1, 1, 1, 1)
            case 5:
                found[key] = torch.zeros(20_000, 3, 1, 1)
            case 6:
                found[key] = torch.zeros([max(1, side + 1) for side in tensor.shape])
            case 7:
                found[key.replace("0", "77")] = tensor
    return found


def test_tensors_of_any_shape_end_in_a_map_or_a_sentence(
    vit: StateDict, tmp_path: Path, photo: Any
) -> None:
    chance = np.random.default_rng(3)
    ends: list[str] = []
    for _ in range(40):
        torch.save(shaken(vit, chance), tmp_path / "a.pth")
        try:
            vitviz.trace(vitviz.load(tmp_path / "a.pth"), photo)
            ends.append("map")
        except VitvizError as error:
            ends.append(str(error))
    assert len(ends) == 40
    assert ends.count("map") < 30
    assert not any("\n" in end for end in ends)
