"""A library's model as a model of vitviz: its own preprocessing, its tokens measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vitviz.core.data.evidence import Evidence
from vitviz.core.data.trace import Weights
from vitviz.core.progress import Progress
from vitviz.models.loading.checkpoint.fill import as_dtype
from vitviz.models.loading.devices import chosen_device, chosen_precision
from vitviz.models.loading.live.live_loading import LiveWishes, load_live
from vitviz.models.loading.model import Model
from vitviz.models.loading.sources import SourceLibrary


def load_sourced(
    source: SourceLibrary,
    name: str,
    *,
    called: str | Path,
    pretrained: bool,
    patch_size: int | None,
    input_size: tuple[int, int] | None,
    device: str,
    precision: str,
    allow_download: bool,
    progress: Progress,
) -> Model:
    """As `vitviz.load` for a name of a library. BadModel, in a sentence, where it is not to be had."""
    where = chosen_device(device)
    dtype = chosen_precision(precision, where)
    progress(0, 3, "building the model")
    found = source.build(name, pretrained=pretrained, allow_download=allow_download)
    module = as_dtype(found.module, where, dtype).eval()
    wishes = LiveWishes(
        transform=None if input_size else found.transform,
        classes=found.labels,
        call=found.call,
        patch_size=patch_size,
        input_size=input_size,
        answers_classes=found.classes,
        name=str(called),
        title=str(called),
        source=found.source,
        architecture=found.architecture,
    )
    model = load_live(module, wishes, progress)
    evidence = tuple(_from_library(each, found.source) for each in model.info.evidence)
    weights: Weights = "trained" if pretrained else "untrained"
    info = replace(
        model.info,
        weights=weights,
        weights_hash=found.weights_hash,
        evidence=evidence,
        reads_prompts=found.text is not None,
    )
    return replace(model, info=info, live=False, text=found.text)


def _from_library(fact: Evidence, source: str) -> Evidence:
    """What was measured of a library's own function is known, not only proven."""
    if fact.fact == "mean and std" and fact.certainty == "proven":
        return replace(fact, certainty="known", because=f"{source}'s own preprocessing")
    if fact.fact == "classes":
        return replace(fact, because=f"{source} names them")
    return fact
