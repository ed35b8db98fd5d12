"""Layers and heads count from 1 for people, in one place of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vitviz
from vitviz.core.counted import head_name, layer_name, typed_words
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.session.figure.code_snippets import count_words

PACKAGE = Path(vitviz.__file__).parent
_BY_HAND = re.compile(r"(?i)\b(layer|head)s? \{[^{}]*(\+ 1|\.number\([^{}]*)\}")


def test_both_counts_stand_side_by_side_where_one_is_read_and_the_other_typed() -> None:
    assert (layer_name(11), head_name(2)) == ("layer 12", "head 3")
    assert typed_words(layer=11) == "layer 12 (--layer 11)"
    assert typed_words(head=0) == "head 1 (--head 0)"
    assert typed_words() == ""


def test_nobody_counts_by_hand() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for path in PACKAGE.rglob("*.py")
        if path.name != "counted.py"
        for line in path.read_text(encoding="utf-8").splitlines()
        if _BY_HAND.search(line)
    ]
    assert not found, "use layer_name, head_name or Trace.layer_name"


@pytest.mark.parametrize("view", ["heads", "entropy", "distance"])
def test_what_is_typed_from_0_is_called_from_1(tiny_trace: Trace, view: str) -> None:
    drawing = vitviz.draw(view, tiny_trace, layer=0, head=1)
    titles = " ".join([drawing.title, *(panel.title for panel in drawing.panels)])
    assert "layer 1" in titles.lower()
    assert "layer 0" not in titles.lower()
    assert "head 0" not in titles


def test_a_copied_command_says_which_count_it_is_in(tiny_trace: Trace, tmp_path: Path) -> None:
    drawing = vitviz.draw("heads", tiny_trace, layer=0, head=1)
    assert drawing.made is not None
    said = count_words(drawing.made, tiny_trace)
    assert said == "Commands and Python count from 0: layer 1 (--layer 0) and head 2 (--head 1)."
    usual = vitviz.draw("heads", tiny_trace)
    assert usual.made is not None
    assert usual.made.selection == Selection()
    assert count_words(usual.made, tiny_trace) == ""
