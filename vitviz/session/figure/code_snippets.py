"""What is on screen said as a line of Python or as a command, to be pasted and run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vitviz.core.counted import typed_words
from vitviz.core.data.recipe import Recipe, RunRecipe
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.data.weight_files import gone_from_memory, is_in_memory
from vitviz.core.progress import VitvizError

GivenRanges = Sequence[tuple[int, float, float]]


def as_python(recipe: Recipe, traces: tuple[Trace, ...], ranges: GivenRanges = ()) -> str:
    """Python that draws the same; `traces` are those drawn from, for the files' places, `ranges` the
    ranges that panels have of drawings beside them.
    """
    lines = ["import vitviz", ""]
    for name, trace in zip(("", "other_"), traces, strict=False):
        run = _run(recipe, name)
        asked = "".join(f", {key}={value!r}" for key, value in run.asked)
        fit = "" if run.fit == "crop" else f", fit={run.fit!r}"
        untrained = ", pretrained=False" if run.weights == "untrained" else ""
        if run.intervention is not None:
            fit += f", intervention={run.intervention!r}"
            if (needed := "from vitviz.core.data.intervention import Intervention") not in lines:
                lines.insert(0, needed)
        lines += [
            f"{name}model = vitviz.load({_model_name(trace)!r}{asked}{untrained})",
            f"{name}trace = vitviz.trace({name}model, {_place(trace)!r}{fit})",
        ]
    chosen = _chosen(recipe.selection, traces[0])
    words = [f"{key}={value!r}" for key, value in chosen.items()]
    words += ["against=other_trace"] if len(traces) > 1 else []
    words += [f"ranges={list(ranges)!r}"] if ranges else []
    words += [f"{key}={value!r}" for key, value in recipe.options]
    arguments = ", ".join(["trace", *words])
    lines += [
        f"drawing = vitviz.draw({recipe.view!r}, {arguments})",
        f"vitviz.save(drawing, {recipe.view + '.png'!r})",
    ]
    return "\n".join(lines) + "\n"


def as_command(recipe: Recipe, traces: tuple[Trace, ...], ranges: GivenRanges = ()) -> str:
    """A command that draws the same into a file."""
    trace, run = traces[0], recipe.run
    words: list[Any] = ["vitviz", "draw", _place(trace), "--view", recipe.view]
    words += ["--model", _model_name(trace), *_model_words(run)]
    for name, value in _chosen(recipe.selection, trace).items():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else value
        words += [f"--{name}", text]
    for name, value in recipe.options:
        words += ["--option", f"{name}={_said(value)}"]
    if len(traces) > 1 and recipe.against is not None:
        words += _against_words(run, recipe.against, traces)
    for at, low, high in ranges:
        words += ["--range", f"{at}={low!r}..{high!r}"]
    words += ["--out", f"{recipe.view}.png"]
    return shlex.join(str(word) for word in words)


def count_words(recipe: Recipe, trace: Trace) -> str:
    """A sentence about the layer and the head that were copied, which count otherwise on screen; ""
    where none is named.
    """
    chosen = _chosen(recipe.selection, trace)
    said = typed_words(layer=chosen.get("layer"), head=chosen.get("head"))
    return f"Commands and Python count from 0: {said}." if said else ""


def _run(recipe: Recipe, name: str) -> RunRecipe:
    return recipe.against if name and recipe.against is not None else recipe.run


def _model_name(trace: Trace) -> str:
    """What the model is loaded by. VitvizError where it lies in memory alone."""
    if is_in_memory(trace.model.name):
        raise VitvizError(gone_from_memory(trace.model.name))
    return trace.model.name


def _place(trace: Trace) -> str:
    """The picture's file."""
    if not trace.picture.path:
        raise VitvizError(
            f"{trace.picture.name} was pasted or comes from the web, so there is no file to name; "
            "save it and open the file"
        )
    return str(Path(trace.picture.path).absolute())


def _chosen(selection: Selection, trace: Trace) -> Mapping[str, Any]:
    """Token, layer and head as `vitviz.draw` takes them; what is usual is left out."""
    found: dict[str, Any] = {}
    token = selection.token(trace.grid, trace.crop)
    name, prefix = trace.grid.name(token), trace.grid.prefix
    if token < len(prefix):
        found |= {"token": name} if name != "class" else {}
    else:
        found["token"] = divmod(token - len(prefix), trace.grid.cols)
    layers = trace.depths
    if layers and selection.layer(layers) != layers - 1:
        found["layer"] = selection.layer(layers)
    return found if selection.head is None else found | {"head": selection.head}


def _model_words(run: RunRecipe) -> list[Any]:
    flags = {"patch_size": "--patch", "input_size": "--input-size", "prompts": "--prompts"}
    if run.intervention is not None:
        raise VitvizError(
            "what was changed about the model has no words on the command line; take Python"
        )
    words: list[Any] = ["--untrained"] if run.weights == "untrained" else []
    for name, value in run.asked:
        if name not in flags or isinstance(value, tuple):
            raise VitvizError(f"{name} of {run.model} has no word on the command line; take Python")
        words += [flags[name], value]
    return words + ([] if run.fit == "crop" else ["--fit", run.fit])


def _against_words(run: RunRecipe, other: RunRecipe, traces: tuple[Trace, ...]) -> list[Any]:
    words: list[Any] = []
    one, two = dict(run.asked), dict(other.asked)
    if traces[1].model.name != traces[0].model.name:
        words += ["--against", _model_name(traces[1])]
    patch, pixels = (
        two.get(name) if two.get(name) != one.get(name) else None
        for name in ("patch_size", "input_size")
    )
    if patch or pixels:
        words += ["--against", f"{patch or ''}{f'@{pixels}' if pixels else ''}"]
    if other.picture_key != run.picture_key:
        words += ["--against", _place(traces[1])]
    return words


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value is None else str(value)
