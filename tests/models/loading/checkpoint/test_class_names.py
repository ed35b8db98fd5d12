"""Names of classes as people keep them beside weights, in whatever form and encoding."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch

import vitviz
from vitviz.core.progress import BadModel
from vitviz.models.loading.checkpoint.class_names import (
    classes_of,
    imagenet_labels,
    names_in,
    read_classes,
)

BIRDS = ("finch", "café crow", "owl, barn")
INDEXED = {str(index): name for index, name in enumerate(BIRDS)}
COUNTED = {name: index for index, name in enumerate(BIRDS)}

JSON: dict[str, Any] = {
    "list": list(BIRDS),
    "by index": INDEXED,
    "to index": COUNTED,
    "id2label": {"model_type": "vit", "id2label": INDEXED, "label2id": COUNTED},
    "synsets": {str(index): [f"n0000000{index}", name] for index, name in enumerate(BIRDS)},
    "coco": {"categories": [{"id": index + 1, "name": name} for index, name in enumerate(BIRDS)]},
    "coco in another order": [{"id": index, "name": BIRDS[index]} for index in (2, 0, 1)],
    "yolo": {"names": INDEXED},
    "timm": {"architecture": "vit", "pretrained_cfg": {"label_names": list(BIRDS)}},
    "timm with words": {
        "label_names": ["a1", "b2", "c3"],
        "label_descriptions": dict(zip(("a1", "b2", "c3"), BIRDS, strict=True)),
    },
}


@pytest.mark.parametrize("form", JSON)
def test_json_in_the_usual_forms(form: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(JSON[form]), encoding="utf-8")
    assert names_in(tmp_path / "a.json") == BIRDS


@pytest.mark.parametrize(
    "log",
    [
        {"epoch": 12, "best_epoch": 9},
        {"epoch": [1, 2], "loss": [0.3, 0.2]},
        [{"epoch": 1, "loss": 0.3}, {"epoch": 2, "loss": 0.2}],
        {"0": 0.5, "1": 0.4},
        {"val_acc": 0.91},
        {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}},
        {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}},
        {"id2label": {"0": "finch", "2": "crow", "5": "owl"}},
        None,
        3,
    ],
)
def test_a_training_log_names_no_classes(log: Any, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(log), encoding="utf-8")
    assert names_in(tmp_path / "a.json") == ()


def test_a_log_of_json_line_by_line_names_no_classes(tmp_path: Path) -> None:
    lines = [json.dumps({"epoch": epoch, "loss": 1 / (epoch + 1)}) for epoch in range(3)]
    (tmp_path / "best.txt").write_text("\n".join(lines), encoding="utf-8")
    assert classes_of(tmp_path / "best.pth", {}, 3).names == ()


TEXTS = {
    "lines.txt": "finch\ncafé crow\nowl, barn\n",
    "numbered.txt": "0 finch\n1 café crow\n2 owl, barn",
    "from one.txt": "3: owl, barn\n1: finch\n2: café crow\n",
    "numbers behind.txt": "finch 0\ncafé crow 1\nowl, barn 2",
    "synsets.txt": "n00000001 finch\nn00000002 café crow\nn00000003 owl, barn",
    "tabs.txt": "finch\t0\ncafé crow\t1\nowl, barn\t2",
    "with heading.csv": 'id,name\n0,finch\n2,"owl, barn"\n1,café crow\n',
    "semicolons.csv": "class;index;seen\nfinch;0;17\ncafé crow;1;9\nowl, barn;2;9\n",
    "one column.csv": 'label\nfinch\ncafé crow\n"owl, barn"\n',
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_and_tables(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(TEXTS[name], encoding="utf-8")
    assert names_in(tmp_path / name) == BIRDS


def test_names_that_end_in_numbers_are_whole_names(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("kind 0\nkind 1\nkind 2\n", encoding="utf-8")
    assert names_in(tmp_path / "a.txt") == ("kind 0", "kind 1", "kind 2")


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"],
)
def test_encodings(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TEXTS["lines.txt"].encode(encoding))
    assert names_in(tmp_path / "a.txt") == BIRDS
    content = json.dumps(list(BIRDS), ensure_ascii=False).encode(encoding)
    (tmp_path / "a.json").write_bytes(content)
    assert names_in(tmp_path / "a.json") == BIRDS


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        ("кот\nсобака\nлев\n", "cp1251"),
        ("猫\n狗\n狮子\n", "gbk"),
        ("Äpfel\nBirnen\nNüsse\n", "mac-roman"),
    ],
)
def test_other_alphabets_are_named_and_not_read_as_latin(
    words: str, encoding: str, tmp_path: Path
) -> None:
    (tmp_path / "classes.txt").write_bytes(words.encode(encoding))
    found = classes_of(tmp_path / "best.pth", {}, 3)
    assert found.names == ()
    assert "classes.txt is neither UTF-8, UTF-16 nor Latin-1" in found.said


def test_what_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_bytes(bytes(range(256)) * 4)
    found = classes_of(tmp_path / "best.pth", {}, 3)
    assert found.names == ()
    assert "classes.txt is no text" in found.said
    with pytest.raises(BadModel, match="is no text"):
        read_classes(tmp_path / "classes.txt")
    (tmp_path / "log.json").write_text('{"epoch": 3}', encoding="utf-8")
    with pytest.raises(BadModel, match="names no classes"):
        read_classes(tmp_path / "log.json")


@pytest.mark.parametrize(
    "beside",
    [
        {"class_names": list(BIRDS)},
        {"hyper_parameters": {"class_to_idx": COUNTED}},
        {"meta": {"dataset_meta": {"classes": list(BIRDS)}}},
    ],
)
def test_names_inside_the_file_come_first(beside: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("a\nb\nc\n", encoding="utf-8")
    found = classes_of(tmp_path / "best.pth", beside, 3)
    assert found.names == BIRDS
    assert "in best.pth itself" in found.said
    assert [each.certainty for each in found.evidence] == ["known"]
    assert classes_of(tmp_path / "best.pth", beside, 4).names == ()


@pytest.mark.parametrize(
    "name",
    [
        "class_indices.json",
        "imagenet_class_index.json",
        "best_labels.json",
        "labels.csv",
        "best.csv",
    ],
)
def test_files_are_found_beside_the_weights(name: str, tmp_path: Path) -> None:
    table = "\n".join(f'{index},"{bird}"' for index, bird in enumerate(BIRDS))
    content = json.dumps(INDEXED) if name.endswith("json") else table
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert classes_of(tmp_path / "best.pth", {}, 3).names == BIRDS


def test_a_thousand_classes_are_imagenets_only_where_something_says_so(
    tmp_path: Path, photo: Any
) -> None:
    state = timm.create_model("test_vit", num_classes=1000).state_dict()
    torch.save(state, tmp_path / "birds.pth")
    model = vitviz.load(tmp_path / "birds.pth", architecture="test_vit")
    assert model.labels == ()
    assert vitviz.trace(model, photo).predictions[0].name.startswith("class ")
    torch.save(state, tmp_path / "test_vit.r160_in1k.pth")
    assert vitviz.load(tmp_path / "test_vit.r160_in1k.pth").labels == imagenet_labels(1000)
    said = vitviz.load(tmp_path / "birds.pth", architecture="test_vit.r160_in1k")
    assert said.labels == imagenet_labels(1000)
