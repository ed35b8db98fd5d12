"""Stops at other runs: pictures, models, patch sizes, or a mixture of them as columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from vitviz.core.data.drawing import Drawing
from vitviz.core.language import _
from vitviz.core.progress import VitvizError
from vitviz.session.columns.compare_words import changed
from vitviz.session.figure.sweep_steps import SweepStep, SweepSubject, Swept, SweptRun
from vitviz.views import View


def run_steps(view: View, subject: SweepSubject, what: Swept, listed: str) -> list[SweepStep]:
    """The stops of "picture", "model", "size" or "columns", all or as listed with ";" between them.

    VitvizError for what does not exist, or cannot be gone over here.
    """
    run, runs = subject.run, subject.runs
    if run is None or runs is None:
        raise VitvizError(
            _("other runs cannot be made here, so {what} is nothing to go over").format(what=what)
        )
    if view.traces == 2 and what != "columns":
        raise VitvizError(
            _(
                "{title} compares two runs as they are; go over layer, head or an option of it"
            ).format(title=view.title)
        )
    words = [word.strip() for word in re.split(r";|,(?=\s*\d+(?:@\d+)?\s*(?:[,;]|$))", listed)]
    words = [word for word in words if word]
    match what:
        case "picture":
            return [_picture(each) for each in words or runs.pictures]
        case "model":
            return [model_step(word) for word in _named(words, "model=NAME;NAME")]
        case "size":
            return [_size(word) for word in _named(words, "size=32;16;8")]
        case _:
            return [_column(word, run) for word in _named(words, "columns=16;8;4")]


def _named(words: Sequence[str], example: str) -> Sequence[str]:
    if not words:
        raise VitvizError(_("say which to go over, for example {example}").format(example=example))
    return words


def _step(label: str, what: Swept, other: Callable[[SweptRun], SweptRun]) -> SweepStep:
    def change(subject: SweepSubject) -> SweepSubject:
        return subject if subject.run is None else replace(subject, run=other(subject.run))

    return SweepStep(label, change, what)


def _picture(name: str) -> SweepStep:
    return _step(name, "picture", lambda run: replace(run, picture=name))


def model_step(name: str, label: str = "") -> SweepStep:
    """A stop at another model; with a label it is called by that, else as the model is."""

    def other(run: SweptRun) -> SweptRun:
        return replace(run, request=replace(run.request, name=name))

    return _step(label or name, "" if label else "model", other)


def _size(word: str) -> SweepStep:
    """A patch size, with @ the picture's size in model pixels."""
    found = re.fullmatch(r"(\d+)(?:@(\d+))?", word)
    if found is None:
        raise VitvizError(
            _("{word!r} is no patch size; say for example size=32;16;8 or size=8@112").format(
                word=word
            )
        )
    patch, pixels = int(found[1]), found[2]

    def other(run: SweptRun) -> SweptRun:
        size = int(pixels) if pixels else run.request.input_size
        return replace(run, request=replace(run.request, patch_size=patch, input_size=size))

    return _step(
        _("patch {patch}").format(patch=patch)
        + (_(" at {pixels} px").format(pixels=pixels) if pixels else ""),
        "size",
        other,
    )


def _column(word: str, run: SweptRun) -> SweepStep:
    """A patch size, a model or a picture, whichever the word is."""
    request, picture = changed(run.request, run.picture, [word])
    label = picture if picture != run.picture else request.words

    def other(now: SweptRun) -> SweptRun:
        mine, seen = changed(now.request, now.picture, [word])
        return replace(now, request=mine, picture=seen)

    return _step(label, "columns", other)


def labels_of(way: Sequence[SweepStep], lines: Sequence[Sequence[Drawing]]) -> tuple[str, ...]:
    """What the stops are called, now that their drawings are there; `lines` are those of each stop.

    Models by the names that are shown, pictures without their ending, layers by the number that they
    have in every model on their line.
    """
    said = [_label(step, drawings) for step, drawings in zip(way, lines, strict=True)]
    counts = Counter(said)
    return tuple(
        one if counts[one] == 1 else f"{one} ({said[: at + 1].count(one)})"
        for at, one in enumerate(said)
    )


def _label(step: SweepStep, drawings: Sequence[Drawing]) -> str:
    known = [dict(drawing.recipe) for drawing in drawings]
    match step.what:
        case "picture":
            return picture_title(known[0].get("picture", step.label))
        case "model":
            return known[0].get("called") or known[0].get("model", step.label)
        case "columns":
            same = {each.get("picture") for each in known}
            if len(same) == 1 and step.label.endswith(known[0].get("picture", "\n")):
                return picture_title(known[0]["picture"])
            return step.label
        case "layer":
            numbers = dict.fromkeys(each.get("layer", "").split(" of ")[0] for each in known)
            return (
                _("layer {numbers}").format(numbers=" / ".join(numbers))
                if all(numbers)
                else step.label
            )
        case _:
            return step.label


def picture_title(name: str) -> str:
    """What a picture is called beside its maps: its file's name without the ending."""
    stem = re.sub(r"\.[A-Za-z0-9]{2,5}$", "", name)
    return stem.replace("_", " ") or name


def swept_together(ways: Sequence[str]) -> bool:
    """Whether several pictures are on one page, rather than on a page each."""
    return any(way.partition("=")[0] == "picture" for way in ways)
