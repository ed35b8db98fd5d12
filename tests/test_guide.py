"""The guide says what the program says, and its examples work as they stand."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import vitviz
from vitviz import views as rooms
from vitviz.models import families as kinds

DOCS = Path(__file__).resolve().parents[1] / "resources" / "guide"
README = DOCS.parents[1] / "README.md"


def loaded(file: Path) -> ModuleType:
    """A script as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"example_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # timm looks a model's module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def registries() -> Iterator[None]:
    """What an example registers is forgotten again."""
    before = dict(rooms._registered), dict(kinds._registered)
    rooms.views(), kinds.families()
    rooms.views.cache_clear(), kinds.families.cache_clear()
    yield
    for registered, known in zip((rooms._registered, kinds._registered), before, strict=True):
        for name in ("received", "lens"):
            if name not in known:
                registered.pop(name, None)  # type: ignore[attr-defined]
    rooms.views.cache_clear(), kinds.families.cache_clear()


def test_every_page_is_current() -> None:
    code = (
        "import runpy; guide = runpy.run_path('resources/guide/make.py')\n"
        "for path, text in guide['pages']().items():\n"
        "    found = path.read_text(encoding='utf-8') if path.is_file() else ''\n"
        "    if found != text: print(path.name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=README.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "", "run python resources/guide/make.py and commit what it wrote"


def test_no_page_is_of_a_view_that_has_gone() -> None:
    pages = {path.stem for path in (DOCS / "views").glob("*.md")} - {"README"}
    assert pages == set(rooms.views())


def test_pictures_are_small() -> None:
    pictures = [*(DOCS / "views").glob("*.webp")]
    assert all(path.stem in rooms.views() for path in pictures)
    assert all(path.stat().st_size < 150_000 for path in pictures)
    assert sum(path.stat().st_size for path in pictures) < 1_700_000


def test_the_example_of_a_view(registries: None, tiny_trace: Any, tmp_path: Path) -> None:
    loaded(DOCS / "examples" / "received.py")
    drawing = vitviz.draw("received", tiny_trace, layer=0)
    heat = drawing.panels[0].layers[1]
    layer = tiny_trace.layers[0]
    expected = layer.attention.matrix().mean(axis=0)[layer.keys.patches]
    assert np.allclose(np.ravel(heat.values), expected)
    assert vitviz.save(drawing, tmp_path / "received.png").stat().st_size > 1000
    assert {option.name for option in rooms.find("received").options} >= {"opacity", "table"}


def test_the_example_of_a_family(registries: None, photo: np.ndarray) -> None:
    loaded(DOCS / "examples" / "lens.py")
    trace = vitviz.trace(vitviz.load("lens", pretrained=False), photo)
    assert trace.model.family == "lens"
    assert (trace.grid.rows, trace.grid.cols, trace.grid.prefix) == (7, 7, ("class",))
    assert len(trace.layers) == 3
    assert trace.verified < 1e-5
    assert vitviz.draw("rollout", trace, token=(3, 3)).panels
    assert trace.positions is not None


def test_readme_shows_the_example_as_it_is() -> None:
    text = README.read_text(encoding="utf-8")
    example = (DOCS / "examples" / "received.py").read_text(encoding="utf-8")
    assert "resources/guide/examples/received.py" in text
    assert example.partition('"""\n\n')[2].strip() in text


def test_every_file_that_readme_names_is_there() -> None:
    text = README.read_text(encoding="utf-8")
    named = re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(r'(?:src|href)="([^":#]+)"', text)
    assert named
    assert [name for name in named if not (README.parent / name).exists()] == []
