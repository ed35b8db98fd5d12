"""A checkpoint file looked at before it is opened: what it seems to be, and what of it fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from timm.data import resolve_model_data_config

from vitviz.core.data.evidence import Evidence, assumed
from vitviz.core.files import expanded
from vitviz.core.progress import BadModel, Progress, VitvizError, silent
from vitviz.models.families import anatomy_of
from vitviz.models.loading.architectures.network import ModelBlueprint, check_room, empty
from vitviz.models.loading.architectures.timm_names import converted
from vitviz.models.loading.checkpoint.blueprint import classes_of_plan, described_by, understood
from vitviz.models.loading.checkpoint.checkpoint import Checkpoint, read_checkpoint
from vitviz.models.loading.checkpoint.checkpoint_files import StateDict, named_state
from vitviz.models.loading.checkpoint.class_names import read_classes
from vitviz.models.loading.checkpoint.fill import match
from vitviz.models.loading.preprocess import channels_of, for_channels, preprocess_of
from vitviz.models.loading.said import Said

RecognisedBy = Literal["card", "name", "shapes", "said"]


@dataclass(frozen=True, slots=True)
class RecognisedFile:
    """What a checkpoint file seems to be; `problem` says why it fits nothing, "" where it does.

    `architecture` is what `load` takes to have it so, "" for a shape that is nobody's; `others` are
    timm's architectures of the same names and shapes. `evidence` says how each fact is known.
    `missing`, `wrong` (of another shape) and `extra` name tensors; `share` of the model's numbers are
    in the file. `encoders` are all that the file has, the one that is taken first; `notes` say what
    was done to read it.
    """

    path: Path
    how: RecognisedBy
    architecture: str
    title: str
    others: tuple[str, ...]
    tensors: int
    numbers: int
    patch: int = 0
    size: tuple[int, int] = (0, 0)
    heads: int = 0
    classes: int = 0
    labels: tuple[str, ...] = ()
    labels_said: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    missing: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    share: float = 0.0
    problem: str = ""
    encoders: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether there is nothing to ask: nothing is assumed or missing, and one encoder is there."""
        several = len(self.encoders) > 1
        return not (assumed(self.evidence) or self.problem or self.missing or self.wrong or several)


def recognise(
    path: str | Path,
    architecture: str | None = None,
    *,
    said: Said | None = None,
    encoder: str | None = None,
    classes: str = "",
    progress: Progress = silent,
) -> RecognisedFile:
    """Reads a file and compares it with what it seems to be, or with an architecture that is named.

    `said` are further facts that somebody gave, `encoder` one of two in the file, `classes` a file of
    the classes' names. BadModel where the file itself cannot be read.
    """
    path = expanded(path)
    held = read_checkpoint(path, encoder=encoder, progress=progress)
    state = named_state(held)
    progress(1, 2, f"recognising {path.name}")
    how: RecognisedBy = "said" if architecture else described_by(held.file)
    numbers = sum(tensor.numel() for tensor in state.values())
    found = RecognisedFile(path, how, architecture or "", held.title, (), len(state), numbers)
    found = replace(found, encoders=held.encoders, notes=held.notes)
    try:
        if said is not None:
            said.check()
        plan, names = understood(held, architecture, said)
        compared = _compared(found, plan, names, held, said or Said())
        return _named(compared, classes) if classes else compared
    except VitvizError as error:
        return replace(found, problem=str(error))


def _named(found: RecognisedFile, classes: str) -> RecognisedFile:
    """With the names of its classes from a file that somebody chose; BadModel where they do not fit."""
    file = expanded(classes)
    names = read_classes(file)
    if len(names) != found.classes:
        raise BadModel(
            f"{file.name} names {len(names)} classes and {found.path.name} has {found.classes}; choose "
            "the file with one name for each, in the order of its outputs"
        )
    return replace(found, labels=names, labels_said=f"named by {file.name}")


def _compared(
    found: RecognisedFile, plan: ModelBlueprint, state: StateDict, held: Checkpoint, said: Said
) -> RecognisedFile:
    module = empty(plan, found.path.name)
    check_room(module, state, found.path.name)
    fitting = match(module, converted(module, state, found.path.name))
    config: dict[str, Any] = {**resolve_model_data_config(module), **plan.config}
    prepared = said.prepared(for_channels(preprocess_of(config), channels_of(module)))
    anatomy = anatomy_of(module)
    classes = anatomy.classes
    named = classes_of_plan(held, plan, classes, found.architecture)
    rows, cols = said.input_size or anatomy.picture or config["input_size"][-2:]
    return replace(
        found,
        architecture=plan.family,
        title=plan.title or plan.family or plan.kind,
        patch=anatomy.patch[0] if anatomy.patch else 0,
        size=(int(rows), int(cols)),
        heads=anatomy.heads,
        classes=classes,
        labels=named.names,
        labels_said=named.said,
        mean=prepared.mean,
        std=prepared.std,
        others=plan.others,
        evidence=plan.evidence,
        missing=fitting.missing,
        wrong=fitting.wrong,
        extra=fitting.extra,
        share=fitting.share,
    )
