"""The guide's page of names that scripts and plugins meet, made from their docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

START = """\
>>> from pathlib import Path
>>> import numpy as np
>>> from PIL import Image
>>> import vitviz
>>> photo = np.linspace(0, 255, 90 * 120 * 3).reshape(90, 120, 3).astype(np.uint8)
>>> model = vitviz.load("test_vit", pretrained=False, device="cpu")  # tiny, random weights
>>> trace = vitviz.trace(model, photo)
>>> drawing = vitviz.draw("rollout", trace, token=(7, 7))
"""
"""What every example of the page begins with."""

CHAPTERS: dict[str, tuple[str, ...]] = {
    "Functions": (
        "vitviz.load",
        "vitviz.trace",
        "vitviz.draw",
        "vitviz.save",
        "vitviz.figure",
        "vitviz.show",
        "vitviz.batch",
    ),
    "What was measured": (
        "vitviz.models.Model",
        "vitviz.core.data.trace.ModelInfo",
        "vitviz.core.data.evidence.Evidence",
        "vitviz.core.data.trace.Trace",
        "vitviz.core.data.trace.Layer",
        "vitviz.core.data.attention.Attention",
        "vitviz.core.data.trace.Picture",
        "vitviz.Intervention",
    ),
    "What is chosen, and where it is": (
        "vitviz.core.data.selection.Selection",
        "vitviz.core.data.selection.Place",
        "vitviz.core.data.target.Target",
        "vitviz.core.data.geometry.TokenGrid",
        "vitviz.core.data.geometry.Crop",
        "vitviz.core.data.geometry.Box",
        "vitviz.core.data.geometry.Spot",
    ),
    "What is drawn": (
        "vitviz.core.data.drawing.Drawing",
        "vitviz.core.data.drawing.Panel",
        "vitviz.core.data.drawing.Raster",
        "vitviz.core.data.drawing.Heat",
        "vitviz.core.data.drawing.HeatTiles",
        "vitviz.core.data.drawing.RasterTiles",
        "vitviz.core.data.drawing.Grid",
        "vitviz.core.data.drawing.Outlines",
        "vitviz.core.data.drawing.Segments",
        "vitviz.core.data.drawing.Labels",
        "vitviz.core.data.drawing.Bars",
        "vitviz.core.data.drawing.Message",
        "vitviz.core.data.plots.Plot",
        "vitviz.core.data.plots.Table",
    ),
    "Plugins": (
        "vitviz.views.view",
        "vitviz.views.View",
        "vitviz.views.options.Look",
        "vitviz.models.families.family",
        "vitviz.models.families.Family",
    ),
    "Errors": (
        "vitviz.VitvizError",
        "vitviz.core.progress.Unsupported",
        "vitviz.core.progress.BadImage",
        "vitviz.core.progress.BadModel",
    ),
}
"""The names, by chapter, each by the path it is imported from."""


def names() -> tuple[str, ...]:
    """Every name that the page is about."""
    return tuple(name for chapter in CHAPTERS.values() for name in chapter)


def named(path: str) -> Any:
    """What a dotted path names."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def api_page() -> str:
    """The page: what the examples begin with, then every name with its signature and its docstring."""
    chapters = "".join(
        f"## {title}\n\n" + "".join(map(_entry, paths)) for title, paths in CHAPTERS.items()
    )
    listed = "".join(
        f"- {title}: {', '.join(f'[{_last(path)}](#{_anchor(path)})' for path in paths)}\n"
        for title, paths in CHAPTERS.items()
    )
    return (
        "# The names that scripts and plugins meet\n\nThe docstrings of vitviz, as `help(...)` shows "
        "them; made by `python resources/guide/make.py`. The tests run every example. They begin "
        f"with\n\n```python\n{START}```\n\nand `...` stands for what differs from run to run. Shapes "
        "name their axes, sizes are (rows, cols), places (row, col).\n\n"
        f"{listed}\n{chapters}".rstrip()
        + "\n"
    )


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _anchor(path: str) -> str:
    """Where a name stands on the page: of two that differ in a capital alone the second has a -1."""
    same = [each for each in names() if _last(each).lower() == _last(path).lower()]
    number = same.index(path)
    return _last(path).lower() + (f"-{number}" if number else "")


def _entry(path: str) -> str:
    """One name: how it is imported, its arguments, its docstring, and what it has."""
    found = named(path)
    module, name = path.rpartition(".")[::2]
    imported = f"import {module}" if module == "vitviz" else f"from {module} import {name}"
    called = f"{module}.{name}" if module == "vitviz" else name
    signature = f"{imported}\n\n{called}{_arguments(found)}".rstrip()
    text = fenced(inspect.cleandoc(found.__doc__ or ""))
    return f"### {name}\n\n```python\n{signature}\n```\n\n{text}\n\n{_members(found)}"


def _arguments(found: Any) -> str:
    """The arguments with types and defaults, a line each where there are many; "" without any."""
    if getattr(found, "_is_protocol", False) or _is_error(found):
        return ""
    signature = inspect.signature(found)
    shown, starred = [], False
    for each in signature.parameters.values():
        if each.kind is each.KEYWORD_ONLY and not starred:
            shown.append("*")
            starred = True
        shown.append(_argument(each))
    plain = isinstance(found, type) or signature.return_annotation is signature.empty
    returns = "" if plain else f" -> {_typed(signature.return_annotation)}"
    line = f"({', '.join(shown)}){returns}"
    if len(line) <= 80:
        return line
    return "(\n" + "".join(f"    {each},\n" for each in shown) + f"){returns}"


def _argument(each: inspect.Parameter) -> str:
    stars = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "")
    typed = "" if each.annotation is each.empty else f": {_typed(each.annotation)}"
    if each.default is each.empty:
        return f"{stars}{each.name}{typed}"
    default = each.default
    shown = default.__name__ if inspect.isroutine(default) else repr(default)
    return f"{each.name}{typed} = {'...' if '<' in shown else shown}"


def _typed(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _is_error(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, Exception)


def _members(found: Any) -> str:
    """What can be asked of a class, a line each."""
    if not isinstance(found, type):
        return ""
    lines = []
    for name, member in vars(found).items():
        text = inspect.cleandoc(getattr(member, "__doc__", None) or "")
        if name.startswith("_") or not text:
            continue
        if inspect.isfunction(member):
            arguments = [each for each in inspect.signature(member).parameters if each != "self"]
            lines.append(f"- `{name}({', '.join(arguments)})`: {_joined(text)}\n")
        elif isinstance(member, property):
            lines.append(f"- `{name}`: {_joined(text)}\n")
    return f"It has:\n\n{''.join(lines)}\n" if lines else ""


def _joined(text: str) -> str:
    """The first paragraph in one line."""
    return " ".join(text.partition("\n\n")[0].split())


def fenced(text: str) -> str:
    """A docstring with its examples in fences; an example ends at an empty line."""
    return "\n\n".join(
        f"```python\n{part}\n```" if part.startswith(">>> ") else part for part in _parts(text)
    )


def _parts(text: str) -> Iterator[str]:
    yield from re.split(r"\n\n+", text)
