"""The public names in a plain script: light to import, and never a window."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


HEAVY = "('torch', 'timm', 'numpy', 'matplotlib', 'PySide6', 'pyqtgraph', 'PIL')"


def test_importing_vitviz_imports_nothing_heavy():
    script = f"import sys, vitviz; print([name for name in {HEAVY} if name in sys.modules])"
    assert run(script).strip() == "[]"


def test_looking_for_views_needs_no_torch_and_no_matplotlib():
    script = (
        "import sys; from vitviz.views import views; print(list(views()));"
        f"print([name for name in {HEAVY} if name in sys.modules and name not in ('numpy', 'PIL')])"
    )
    names, heavy = run(script).splitlines()
    assert "rollout" in names
    assert heavy == "[]"


SCRIPT = """
import sys
import numpy as np
import vitviz
model = vitviz.load("test_vit", pretrained=False)
trace = vitviz.trace(model, np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8))
for kind in ("png", "svg", "pdf"):
    drawing = vitviz.draw("rollout", trace, token=(1, 2), layer=-1, head=1)
    print(vitviz.save(drawing, f"{sys.argv[1]}/rollout.{kind}").stat().st_size > 1000)
print(drawing.title)
print(drawing.caption)
print([name for name in ("PySide6", "pyqtgraph", "matplotlib.pyplot") if name in sys.modules])
"""


def test_a_plain_script_loads_traces_draws_and_saves(tmp_path):
    *written, title, caption, windows = run(SCRIPT, str(tmp_path)).splitlines()
    assert written == ["True"] * 3
    assert title.startswith("Attention rollout from token (1, 2)")
    assert "Untrained weights" in caption
    assert windows == "[]"


def test_a_name_that_is_not_there_is_an_attribute_error():
    import vitviz

    with pytest.raises(AttributeError, match="no attribute 'paint'"):
        vitviz.paint  # noqa: B018
    assert {"draw", "load", "save", "trace"} <= set(dir(vitviz))


def test_what_the_public_names_return_is_one_line_in_a_notebook(photo):
    import vitviz

    model = vitviz.load("test_vit", pretrained=False)
    trace = vitviz.trace(model, photo)
    drawing = vitviz.draw("heads", trace)
    assert repr(model).startswith("<Model test_vit: test_vit, 371,240 parameters, untrained, cpu")
    assert repr(trace).startswith(
        "<Trace of array by test_vit: 10 x 10 patches behind class, 6 layers"
    )
    assert repr(drawing) == f"<Drawing heads: {drawing.title}, 2 panels>"
    assert repr(trace.picture) == "<Picture array: {} rows x {} columns>".format(*photo.shape)
