"""Values show themselves in IPython, the worked notebook runs, and none of it brings in a window."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitviz
from vitviz.core.data.drawing import numbers
from vitviz.notebook import looks, register

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def formatter():
    pytest.importorskip("IPython")
    from IPython.core.formatters import DisplayFormatter

    found = DisplayFormatter()
    register(found)
    return found


def test_a_small_drawing_is_svg_and_a_large_one_a_dense_png(formatter, tiny_trace):
    bars = vitviz.draw("predictions", tiny_trace)
    shown, _ = formatter.format(bars)
    assert shown["image/svg+xml"].lstrip().startswith("<?xml")
    assert "image/png" not in shown
    shown, about = formatter.format(vitviz.draw("patches", tiny_trace))
    assert "image/svg+xml" not in shown
    width, height = Image.open(io.BytesIO(shown["image/png"])).size
    assert about["image/png"] == {"width": width // 2, "height": height // 2}


def test_models_and_traces_are_tables_of_facts(formatter, tiny_model, tiny_trace):
    shown, _ = formatter.format(tiny_model)
    assert "untrained" in shown["text/html"]
    assert shown["text/plain"] == repr(tiny_model)
    shown, _ = formatter.format(tiny_trace)
    assert "10 × 10 patches behind class" in shown["text/html"]
    shown, _ = formatter.format(tiny_trace.picture)
    assert Image.open(io.BytesIO(shown["image/png"])).size == (160, 120)


def test_names_are_text_whatever_they_hold():
    assert "<b>" not in looks.table("<b>", [("<i>", "<script>"), ("", "")])


def test_arrays_are_the_numbers_that_are_saved(tiny_trace, tmp_path):
    drawing = vitviz.draw("heads", tiny_trace)
    vitviz.save(drawing, tmp_path / "heads.npz")
    with np.load(tmp_path / "heads.npz") as saved:
        assert set(saved.files) - {"about"} == set(drawing.arrays)
        for name, values in drawing.arrays.items():
            np.testing.assert_array_equal(saved[name], values)
    assert [each.name for each in numbers(drawing)] == list(drawing.arrays)


def test_the_figure_is_matplotlibs(tiny_trace):
    figure = vitviz.figure(vitviz.draw("heads", tiny_trace), width_mm=100)
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(100)
    assert figure.axes


def test_importing_registers_only_where_ipython_runs():
    pytest.importorskip("IPython")
    script = (
        "import sys, vitviz; print('IPython' in sys.modules);"
        "from IPython.core.interactiveshell import InteractiveShell;"
        "shell = InteractiveShell.instance(); vitviz.notebook.register_if_running();"
        "png = shell.display_formatter.formatters['image/png'];"
        "print(('vitviz.core.data.drawing.drawing', 'Drawing') in png.deferred_printers);"
        "print([m for m in ('torch', 'matplotlib', 'PySide6') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True", "[]"]


@pytest.mark.filterwarnings("ignore")  # the kernel's own, about its event loop and its sockets
def test_the_worked_notebook_runs_and_shows_what_it_says():
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    book = nbformat.read(ROOT / "resources/guide/examples/notebook.ipynb", as_version=4)
    book.cells.append(nbformat.v4.new_code_cell("import sys; 'PySide6' in sys.modules"))
    client.NotebookClient(
        book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    ).execute()
    data = [
        output["data"]
        for cell in book.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "data" in output
    ]
    kinds = {kind for each in data for kind in each}
    assert {"image/png", "text/html"} <= kinds or {"image/svg+xml", "text/html"} <= kinds
    assert data[-1]["text/plain"] == "False"  # no Qt
    assert data[-2]["text/plain"] == "True"  # still in training
