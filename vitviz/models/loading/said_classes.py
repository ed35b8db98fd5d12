"""The names of a model's classes as somebody says them: a list, or a file with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vitviz.core.data.evidence import Evidence
from vitviz.core.progress import BadModel
from vitviz.models.loading.checkpoint.class_names import read_classes
from vitviz.models.loading.model import Model


def with_classes(model: Model, classes: str | Path | Sequence[str]) -> Model:
    """The model with these names for its classes.

    BadModel where there are more or fewer than its head has, or where a file holds none.
    """
    if isinstance(classes, str | Path):
        file = Path(classes).expanduser()
        names, source = read_classes(file), file.name
    else:
        names, source = tuple(map(str, classes)), "the list given"
    count = model.info.classes
    if len(names) != count:
        raise BadModel(
            f"{source} names {len(names)} classes and {model.info.called} has {count}; give one name "
            "for each, in the order of its outputs"
        )
    fact = Evidence("classes", f"{count} named classes", "known", f"{source} names them")
    kept = tuple(each for each in model.info.evidence if each.fact != "classes")
    return replace(model, labels=names, info=replace(model.info, evidence=(*kept, fact)))
