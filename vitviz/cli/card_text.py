"""A bundled model's card, to be read on a terminal: what it is, then its figures as a table."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from vitviz.models.loading.bundled import BundledModel

WIDTH = 100
_INDENT = "    "


def card_lines(model: BundledModel) -> Iterator[str]:
    """What a card says, line by line; its figures with a column for each patch size."""
    card, figures = model.card, dict(model.card.get("figures") or {})
    rows, cols = model.input_size
    facts = [f"pictures of {rows} × {cols} px"]
    if classes := card.get("classes"):
        facts.append(f"{len(classes)} classes")
    if licence := card.get("licence"):
        facts.append(str(licence))
    yield f"{model.name}: {model.title}"
    yield f"{_INDENT}{', '.join(facts)}"
    if data := card.get("data"):
        yield f"{_INDENT}trained with {data}"
    table = _table(figures)
    if table:
        yield from _aligned(model.patch_sizes, table)
    for what in _explained(figures):
        yield from wrap(what, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)


def _table(figures: dict[str, Any]) -> dict[str, dict[int, float]]:
    """The figures that are one number for each patch size, by what they are called."""
    found: dict[str, dict[int, float]] = {}
    for name, value in figures.items():
        if not isinstance(value, dict):
            continue
        by_size = value.get("by_patch_size", value)
        for size, numbers in by_size.items():
            if not str(size).isdigit() or not isinstance(numbers, dict):
                continue
            for what, number in numbers.get("mean", numbers).items():
                words = f"{name} {what}".replace("_", " ")
                found.setdefault(words, {})[int(size)] = float(number)
    return found


def _aligned(sizes: tuple[int, ...], table: dict[str, dict[int, float]]) -> Iterator[str]:
    corner = "patch size"
    wide = max(map(len, [corner, *table]))
    yield f"{_INDENT}{corner:<{wide}}" + "".join(f"{size:>9}" for size in sizes)
    for words, numbers in table.items():
        cells = (f"{numbers[size]:.1%}" if size in numbers else "" for size in sizes)
        yield f"{_INDENT}{words:<{wide}}" + "".join(f"{cell:>9}" for cell in cells)


def _explained(figures: dict[str, Any]) -> Iterator[str]:
    """What the figures mean, in the card's own words."""
    if isinstance(said := figures.get("what"), str):
        yield said
    for name, value in figures.items():
        if isinstance(value, dict) and isinstance(said := value.get("what"), str):
            yield f"{name.replace('_', ' ')}: {said}"
