"""Names of classes: from a card, from what lies in or beside a checkpoint, or ImageNet's."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from timm.data import ImageNetInfo, infer_imagenet_subset

from vitviz.core.data.evidence import Evidence
from vitviz.core.data.prediction import synset_names
from vitviz.core.progress import BadModel
from vitviz.models.loading.checkpoint.json_file import read_json, read_text


@dataclass(frozen=True, slots=True)
class FoundClasses:
    """Names of classes in the order of the head's outputs, () where nothing names them.

    `said` is a sentence on where they are from, or why those that are there are not taken.
    """

    names: tuple[str, ...] = ()
    said: str = ""

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """That the names are known, and by what; () where the classes are numbered."""
        if not self.names:
            return ()
        return (Evidence("classes", f"{len(self.names)} named classes", "known", self.said),)


def card_labels(card: Mapping[str, Any]) -> tuple[str, ...]:
    """The names in a card: `classes` as {"name": ...} or plain words; timm's `label_names`."""
    return _names_of(card.get("classes")) or _of_timms_config(card)


def classes_of(path: Path, inside: Mapping[str, Any], classes: int) -> FoundClasses:
    """The names of a checkpoint's classes, from what lies in the file or from a file beside it."""
    for where, found in _mappings_in(inside):
        names = _names_under(found)
        if len(names) == classes > 0:
            at = f" ({where})" if where else ""
            return FoundClasses(names, f"the classes are named in {path.name} itself{at}")
    return FoundClasses(*labels_beside(path, classes))


def labels_beside(path: Path, classes: int) -> tuple[tuple[str, ...], str]:
    """The names of the classes in a text, CSV or JSON file beside a checkpoint, and a sentence.

    The sentence says from where they are, or why those that are there are not taken; ((), "") where
    there is no such file. Looked for are `<name>.classes.txt`, `<name>_labels.json`, `classes.txt`,
    `labels.csv`, `class_indices.json`, `class_names.txt`, `config.json` with `id2label` or
    `label_names` ..., and `<name>.txt`, `.csv` or `.json` where it has one name for each class: these
    may be something else.
    """
    refused = ""
    for file in _files_beside(path):
        try:
            names = _names_in(file)
        except BadModel as error:
            refused = refused or ("" if file.stem in (path.stem, "config") else str(error))
            continue
        if not names or (file.stem == path.stem and len(names) != classes):
            continue
        if len(names) == classes:
            return names, f"the classes are named by {file.name}"
        refused = refused or (
            f"{file.name} names {len(names)} classes and the model has {classes}, so they are "
            "numbered"
        )
    return (), refused


_WORDS = (
    "classes",
    "labels",
    "class_names",
    "classnames",
    "id2label",
    "class_to_idx",
    "class_indices",
    "class_index",
    "imagenet_class_index",
    "idx_to_class",
    "index_to_name",
    "label_names",
    "label_map",
    "labelmap",
    "categories",
    "synset_words",
    "names",
)
"""What files of class names are called, and the words that they stand under inside of JSON."""
_INNER = (
    "id2label",
    "idx_to_class",
    "index_to_class",
    "label2id",
    "class_to_idx",
    "class_names",
    "classes",
    "labels",
    "label_names",
    "categories",
    "names",
    "CLASSES",
    "class_indices",
)


def _files_beside(path: Path) -> Iterator[Path]:
    stem = path.name.removesuffix(path.suffix)
    own = (path.with_name(f"{stem}{suffix}") for suffix in (".txt", ".csv", ".json"))
    yield from (file for file in own if file.is_file() and file != path)
    for before in (f"{stem}.", f"{stem}_", ""):
        for word in _WORDS:
            for suffix in (".txt", ".json", ".csv"):
                file = path.with_name(f"{before}{word}{suffix}")
                if file.is_file():
                    yield file
    config = path.with_name("config.json")
    if config.is_file():
        yield config


def names_in(file: Path) -> tuple[str, ...]:
    """The class names in a text, CSV or JSON file, in order; () where it holds something else."""
    try:
        return _names_in(file)
    except BadModel:
        return ()


def read_classes(file: Path) -> tuple[str, ...]:
    """The class names of a file that was named for it. BadModel where it has none that can be read."""
    names = _names_in(file)
    if not names:
        raise BadModel(
            f"{file.name} names no classes; give one name a line, a CSV of index and name, or JSON "
            '["name", ...], {"0": "name"} or {"name": 0}'
        )
    return names


def _names_in(file: Path) -> tuple[str, ...]:
    match file.suffix.lower():
        case ".json":
            found = read_json(file)
            return _of_timms_config(found) or _names_of(found)
        case ".csv" | ".tsv":
            return _of_table(read_text(file))
    return _of_lines(read_text(file))


def _names_of(found: object, depth: int = 0) -> tuple[str, ...]:
    """Names in order: a list, {"0": name}, {name: 0}, or either under a usual word."""
    if depth > 4:
        return ()
    match found:
        case [*items]:
            return _of_list(items)
        case dict() if found and all(str(key).isdecimal() for key in found):
            return _of_list(
                [found[key] for key in sorted(found, key=int)] if _in_a_row(found) else []
            )
        case dict() if found and _numbers_all(list(found.values())):
            return _of_list(sorted(map(str, found), key=lambda name: int(found[name])))
        case dict():
            inner = (found.get(word) for word in _INNER)
            return next((names for each in inner if (names := _names_of(each, depth + 1))), ())
    return ()


def _in_a_row(numbers: Iterable[object]) -> bool:
    """Whether these are 0, 1, 2 ... or 1, 2, 3 ..., in any order: others are of some of the classes."""
    found = sorted(int(str(number)) for number in numbers)
    return found[0] < 2 and found == list(range(found[0], found[0] + len(found)))


def _of_list(items: list[Any]) -> tuple[str, ...]:
    """Names as words, {"name": ...}, or (synset, word); () where any is something else."""
    if all(isinstance(each, dict) and _is_whole(each.get("id")) for each in items):
        items = sorted(items, key=lambda each: int(each["id"]))
    names = [_word(each) for each in items]
    if not names or not all(names) or all(re.fullmatch(r"LABEL_\d+", name) for name in names):
        return ()  # transformers' own stand-ins are no names
    return tuple(names)


def _word(found: object) -> str:
    match found:
        case str():
            return found.strip()
        case {"name": str() as name} | {"label": str() as name}:
            return name.strip()
        case [*_, str() as name] if all(isinstance(each, str) for each in found):
            return name.strip()
    return ""


def _numbers_all(values: list[object]) -> bool:
    """Whether these are the numbers of all classes, each once: a training log's are not."""
    if not all(_is_whole(value) for value in values):
        return False
    return sorted(values) == list(range(len(values)))  # type: ignore[type-var]


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _of_timms_config(found: object) -> tuple[str, ...]:
    """timm's `label_names` with its `label_descriptions`, at the top or under pretrained_cfg."""
    if not isinstance(found, Mapping):
        return ()
    for config in (found, found.get("pretrained_cfg")):
        if isinstance(config, Mapping) and (names := _names_of(config.get("label_names"))):
            described = config.get("label_descriptions")
            return _described(names, described if isinstance(described, Mapping) else {})
    return ()


def _described(names: tuple[str, ...], described: Mapping[str, Any]) -> tuple[str, ...]:
    """The words for names that are codes ("n01440764"), where each has some."""
    words = [described.get(name) for name in names]
    return tuple(map(str, words)) if all(isinstance(word, str) for word in words) else names


def _mappings_in(inside: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Where a training program keeps class names in a checkpoint."""
    yield "", inside
    for word in ("hyper_parameters", "hparams", "args", "config", "cfg", "meta", "dataset_meta"):
        inner = inside.get(word)
        if isinstance(inner, Mapping):
            yield word, inner
            meta = inner.get("dataset_meta")
            if isinstance(meta, Mapping):
                yield f"{word}.dataset_meta", meta


def _names_under(found: Mapping[str, Any]) -> tuple[str, ...]:
    return next((names for word in _INNER if (names := _names_of(found.get(word)))), ())


def _of_lines(text: str) -> tuple[str, ...]:
    """One name a line, or with its number or synset before it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if all(line[0] in "{[" for line in lines):
        return ()  # JSON line by line, as training logs are
    if all("\t" in line for line in lines) and (names := _of_table(text)):
        return names
    numbered = [re.fullmatch(r"(\d+)\s*[:,=.)\s]\s*(\S.*)", line) for line in lines]
    if all(numbered) and (names := _by_number([(m[1], m[2]) for m in numbered if m])):
        return names
    numbered = [re.fullmatch(r"(.*\S)\s*[:,=\s]\s*(\d+)", line) for line in lines]
    if all(numbered) and (names := _by_number([(m[2], m[1]) for m in numbered if m])):
        return names
    synsets = [re.fullmatch(r"n\d{8}\s+(\S.*)", line) for line in lines]
    if lines and all(synsets):
        return tuple(match[1] for match in synsets if match)
    return tuple(lines)


def _by_number(pairs: list[tuple[str, str]]) -> tuple[str, ...]:
    """Names by their numbers, where these are 0, 1, 2 ... or 1, 2, 3 ..., each once; else ()."""
    found = {int(number): name for number, name in pairs if len(number) < 9}
    start = min(found, default=0)
    if (
        len(found) != len(pairs)
        or start > 1
        or sorted(found) != list(range(start, start + len(found)))
    ):
        return ()
    names = tuple(found[number].strip("\"' ") for number in sorted(found))
    return names if len(set(names)) == len(names) else ()  # "kind 0", "kind 1" are whole names


def _of_table(text: str) -> tuple[str, ...]:
    """Names from a table with a column of numbers and one of names, or of names alone."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return ()
    delimiter = max(",;\t", key=lambda sign: sum(sign in line for line in lines[:50]))
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:
        return ()
    for skip in (0, 1):  # with a heading, or without
        if names := _of_rows(rows[skip:], rows[0] if skip else []):
            return names
    return ()


def _of_rows(rows: list[list[str]], heading: list[str]) -> tuple[str, ...]:
    width = min((len(row) for row in rows), default=0)
    if not width:
        return ()
    columns = [[row[index] for row in rows] for index in range(width)]
    if width == 1:
        is_heading = columns[0][0].lower() in (*_WORDS, "name", "label", "class")
        return () if heading else tuple(columns[0][is_heading:])
    texts = [
        index for index in range(width) if not all(cell.isdecimal() for cell in columns[index])
    ]
    words = [
        i for i in texts if heading and re.search(r"name|label|class|word", heading[i].lower())
    ]
    for numbers in (index for index in range(width) if index not in texts):
        for index in (*words, *texts):
            if names := _by_number(list(zip(columns[numbers], columns[index], strict=True))):
                return names
    return ()


@cache
def imagenet_labels(classes: int) -> tuple[str, ...]:
    """ImageNet's names for 1,000, 11,821, 21,841, ... classes; else (). The first word of each, with
    the second behind it where several classes share the first.

    Only for a model that something says was trained on ImageNet: the number of classes says nothing.
    """
    subset = infer_imagenet_subset({"num_classes": classes})
    if subset is None:
        return ()
    return synset_names([str(each) for each in ImageNetInfo(subset).label_descriptions()])
