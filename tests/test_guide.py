"""The guide says what the program says, and its examples work as they stand."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vitviz
from vitviz import views as rooms
from vitviz.cli import run
from vitviz.figures.recipes import read_recipe
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
    assert sum(path.stat().st_size for path in pictures) < 2_200_000


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


def figure_commands() -> list[list[str]]:
    """The commands that README's figures are made by, as words."""
    text = README.read_text(encoding="utf-8")
    block = re.search(r"<!-- figures -->\n```sh\n(.*?)```\n<!-- /figures -->", text, re.DOTALL)
    assert block is not None
    return [shlex.split(line)[1:] for line in block[1].splitlines()]


@pytest.mark.parametrize("words", figure_commands(), ids=lambda words: words[words.index("-o") + 1])
def test_the_commands_of_readmes_figures_make_figures(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With weights by chance, in fewer pixels; nothing else is different."""
    images = README.parent / "resources" / "images"
    monkeypatch.chdir(images)
    name = words[words.index("-o") + 1]
    assert f"resources/readme/{Path(name).stem}.webp" in README.read_text(encoding="utf-8")
    said = [tmp_path / name if word == name else word for word in words]
    arguments = [*map(str, said), "--untrained", "--dpi", "50"]
    assert run(arguments, lambda _launch: 1) == 0
    assert [file.name for file in tmp_path.iterdir()] == [name], "one page"
    known = read_recipe(tmp_path / name)
    assert len(known["parts"]) > 2
    assert known["sheet"]["labels"]
    shapes = []
    for file in (
        README.parent / "resources" / "readme" / f"{Path(name).stem}.webp",
        tmp_path / name,
    ):
        with Image.open(file) as image:
            shapes.append(image.width / image.height)
    assert shapes[0] == pytest.approx(shapes[1], rel=0.05)
