"""The examples in docstrings do what they say, and the guide's page of names has all of them."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vitviz import views as rooms
from vitviz.models import families as kinds

GUIDE = Path(__file__).resolve().parents[1] / "resources" / "guide"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def loaded(file: Path) -> ModuleType:
    """The script that makes the page, as a module of its own."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGE = loaded(GUIDE / "api_page.py")


def failures(text: str, known: dict[str, Any], name: str) -> str:
    """What an example printed instead of what it says; "" where all is as it says."""
    test = doctest.DocTestParser().get_doctest(text, known, name, name, 0)
    said: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append, clear_globs=False)
    known.update(test.globs)  # a doctest runs in a copy
    return "".join(said)


@pytest.fixture(scope="module")
def start() -> dict[str, Any]:
    """The names that every example begins with."""
    known: dict[str, Any] = {}
    assert failures(PAGE.START, known, "start") == ""
    assert {"model", "trace", "drawing"} <= set(known)
    return known


@pytest.mark.parametrize("path", PAGE.names())
def test_the_examples_of(
    path: str, start: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for registry in (rooms, kinds):  # what an example registers is forgotten again
        monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    text = inspect.cleandoc(PAGE.named(path).__doc__)
    assert ">>> " in text, "a name of the page has an example"
    assert failures(text, dict(start), path) == ""


def test_an_example_that_is_wrong_is_found() -> None:
    assert "Expected:" in failures(">>> 1 + 1\n3\n", {}, "wrong")


def test_every_public_name_is_on_the_page() -> None:
    import vitviz

    text = (GUIDE / "api.md").read_text(encoding="utf-8")
    for name in set(vitviz.__all__) - {"__version__"}:
        assert f"vitviz.{name}" in PAGE.names()
    assert [path for path in PAGE.names() if f"\n### {path.rpartition('.')[2]}\n" not in text] == []
