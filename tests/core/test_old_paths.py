"""Plugins written for vitviz 0.1 import modules and types where they were then."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from vitviz.core.old_paths import MOVED, RENAMED

_ROOMS = {"views.positions", "views.words", "models.catalogue", "models.loading", "models.tracing"}
"""Old modules where a room of the same name stands now."""


@pytest.mark.parametrize("old", sorted(set(MOVED) - _ROOMS))
def test_a_module_answers_under_its_old_path(old: str) -> None:
    new = import_module(f"vitviz.{MOVED[old]}")
    there = import_module(f"vitviz.{old}")
    for name, today in RENAMED.get(old, {}).items():
        assert getattr(there, name) is getattr(new, today)
    public = [name for name in vars(new) if not name.startswith("_")]
    assert public
    assert all(getattr(there, name) is getattr(new, name) for name in public)


@pytest.mark.parametrize("module", ["models.families", "views.options", "core.colors"])
def test_types_that_stayed_answer_to_their_old_names(module: str) -> None:
    there = import_module(f"vitviz.{module}")
    for name, today in RENAMED[module].items():
        assert getattr(there, name) is getattr(there, today)
    with pytest.raises(AttributeError, match="nothing"):
        there.nothing  # noqa: B018


def test_the_readme_s_view_of_0_1_still_draws(tmp_path: Path) -> None:
    """README's example as it stood in 0.1.0, with the paths of then."""
    plugin = tmp_path / "received_of_0_1.py"
    plugin.write_text(_VIEW, encoding="utf-8")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import received_of_0_1, vitviz, numpy as np\n"
        "model = vitviz.load('test_vit', pretrained=False)\n"
        "trace = vitviz.trace(model, np.zeros((32, 32, 3), np.uint8))\n"
        "print(vitviz.draw('received_of_0_1', trace).title)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    assert done.stdout.strip() == "Where everybody looks", done.stderr


_VIEW = '''
from einops import reduce

from vitviz.core.drawing import Drawing, Panel, PixelSpace
from vitviz.core.selection import Selection
from vitviz.core.trace import Trace
from vitviz.views import parts, view
from vitviz.views.options import Look


@view(
    "received_of_0_1",
    title="Attention received",
    shows="How much attention every patch gets from all tokens of the chosen layer together.",
    formula="r(key) = mean over heads and queries of A(head, query, key)",
    source="an example of vitviz's own",
    follows=("layer", "token"),
)
def draw(trace: Trace, selection: Selection, *, look: Look = Look()) -> Drawing:
    """One map over the picture."""
    number = selection.layer(len(trace.layers))
    layer = trace.layers[number]
    received = reduce(layer.attention.matrix(), "query key -> key", "mean")
    values = parts.on_grid(received[layer.keys.patches], layer.keys)
    scale = parts.scale_of(values, look, "mean attention")
    panel = Panel(
        parts.over_picture(trace, selection, values, scale, look, layer.keys),
        trace.grid.frame,
        f"Layer {number + 1}, all heads",
        space=PixelSpace(trace.crop, layer.keys),
        bar=scale,
    )
    return Drawing("received_of_0_1", "Where everybody looks", ((panel,),), parts.caption(trace))
'''
