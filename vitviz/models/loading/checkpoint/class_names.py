"""Names of classes: from a model's card, or ImageNet's where the number of classes says so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from timm.data import ImageNetInfo, infer_imagenet_subset

from vitviz.core.data.prediction import synset_names


def card_labels(card: Mapping[str, Any]) -> tuple[str, ...]:
    """The names in a card: `classes` as {"name": ...} or plain words."""
    classes = card.get("classes") or ()
    if not isinstance(classes, list | tuple):
        return ()
    return tuple(str(each["name"] if isinstance(each, dict) else each) for each in classes)


def labels_beside(path: Path, classes: int) -> tuple[tuple[str, ...], str]:
    """The names of the classes in a text or JSON file beside a checkpoint, and a sentence.

    The sentence says from where they are, or why those that are there are not taken; ((), "") where
    there is no such file. Looked for are `<name>.classes.txt`, `<name>.labels.json`, `classes.txt`,
    `labels.json`, `class_names.txt`, `config.json` with `id2label` ..., and `<name>.txt` or
    `<name>.json` where it has one name for each class: either may be something else.
    """
    for file in _files_beside(path):
        names = names_in(file)
        if not names or (file.stem == path.stem and len(names) != classes):
            continue
        if len(names) == classes:
            return names, f"the classes are named by {file.name}"
        return (), (
            f"{file.name} names {len(names)} classes and the model has {classes}, so they are "
            "numbered"
        )
    return (), ""


def _files_beside(path: Path) -> Iterator[Path]:
    words = ("classes", "labels", "class_names", "id2label", "class_to_idx")
    own = (path.with_suffix(suffix) for suffix in (".txt", ".json"))
    yield from (file for file in own if file.is_file())
    for stem in (f"{path.stem}.", f"{path.stem}_", ""):
        for word in words:
            for suffix in (".txt", ".json"):
                file = path.with_name(f"{stem}{word}{suffix}")
                if file.is_file():
                    yield file
    config = path.with_name("config.json")
    if config.is_file():
        yield config


def names_in(file: Path) -> tuple[str, ...]:
    """The class names in a text or JSON file, in order; () where it holds something else."""
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".txt":
            return tuple(line.strip() for line in text.splitlines() if line.strip())
        return _names_of(json.loads(text))
    except (OSError, ValueError):
        return ()


def _names_of(found: Any) -> tuple[str, ...]:
    """Names in order: a list, {"0": name}, {name: 0}, or either under a usual word."""
    match found:
        case [*names]:
            return card_labels({"classes": names})
        case {"id2label": dict() as inner} | {"class_to_idx": dict() as inner}:
            return _names_of(inner)
        case {"classes": list() as inner} | {"labels": list() as inner}:
            return _names_of(inner)
        case dict() if found and all(str(key).isdigit() for key in found):
            return tuple(str(found[key]) for key in sorted(found, key=int))
        case dict() if found and all(isinstance(value, int) for value in found.values()):
            return tuple(sorted(map(str, found), key=lambda name: found[name]))
    return ()


@cache
def imagenet_labels(classes: int) -> tuple[str, ...]:
    """ImageNet's names for 1,000, 11,821, 21,841, ... classes; else (). The first word of each, with
    the second behind it where several classes share the first."""
    subset = infer_imagenet_subset({"num_classes": classes})
    if subset is None:
        return ()
    return synset_names([str(each) for each in ImageNetInfo(subset).label_descriptions()])
