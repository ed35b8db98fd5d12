"""Every text for people has its translation, with the same placeholders; nothing is guessed."""

from __future__ import annotations

import sys
from gettext import GNUTranslations
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "packaging"))

import languages  # noqa: E402 (packaging is no package)

_STILL_ENGLISH: frozenset[str] = frozenset()
"""Parts that are not translated yet; one that is leaves this list, and never comes back."""


def test_every_text_is_translated() -> None:
    for folder in languages.languages().values():
        wrong = [each for each in languages.faults(folder) if _counts(each)]
        assert not wrong, "\n".join(["run `python packaging/languages.py`, translate:", *wrong])


def _counts(fault: str) -> bool:
    part, _, what = fault.partition(": ")
    return not (part in _STILL_ENGLISH and what.startswith("not translated"))


def test_parts_still_english_are_so() -> None:
    for folder in languages.languages().values():
        missing = {each.partition(":")[0] for each in languages.faults(folder)}
        assert missing >= _STILL_ENGLISH, f"translated by now: {_STILL_ENGLISH - missing}"


def test_catalogues_are_up_to_date(tmp_path: Path) -> None:
    """What `python packaging/languages.py` would write is what is there."""
    for name, folder in languages.languages().items():
        copy = tmp_path / name / "LC_MESSAGES"
        copy.mkdir(parents=True)
        for part, path in languages.parts_there(folder).items():
            (copy / f"{part}.po").write_bytes(path.read_bytes())
        languages.update(tmp_path / name)
        for part, path in languages.parts_there(tmp_path / name).items():
            there = languages.parts_there(folder)
            assert part in there, f"{part} is new; run `python packaging/languages.py`"
            assert path.read_bytes() == there[part].read_bytes(), (
                f"{part} is out of date; run `python packaging/languages.py`"
            )
        assert languages.parts_there(folder).keys() == languages.parts_there(copy.parent).keys()


def test_compiled_catalogues_can_be_opened(tmp_path: Path) -> None:
    for path in languages.compile_all(tmp_path):
        assert path.name == "vitviz.mo"
        with path.open("rb") as file:
            assert GNUTranslations(file).gettext("&File") == "文件(&F)"


def test_what_no_catalogue_can_hold_is_refused() -> None:
    assert languages.texts_of('_("a" "b"); ngettext("1", "n", 3); pgettext("of", "t")', "x") == [
        languages.EnglishText("ab"),
        languages.EnglishText("1", plural="n"),
        languages.EnglishText("t", meaning="of"),
    ]
    for wrong in ('_(f"a {b}")', '_("a" + b)', '_("")', 'ngettext("a", b, 3)', "N_(a)"):
        with pytest.raises(languages.WrappedWrong, match="takes plain text"):
            languages.texts_of(wrong, "x")
    assert languages.texts_of("_(action.english_text)", "x") == []
    for wrong in (
        'def f():\n    a, _ = g()\n    return _("a")',
        'def f():\n    for _ in g():\n        h(_("a"))',
        'f = lambda _: _("a")',
    ):
        with pytest.raises(languages.WrappedWrong, match="thrown-away"):
            languages.texts_of(wrong, "x")
    assert languages.texts_of('def f():\n    return [_("a") for x, y in z]', "x")


def test_placeholders_must_agree(tmp_path: Path) -> None:
    part = tmp_path / "LC_MESSAGES" / "gui_app.po"
    part.parent.mkdir()
    part.write_text('msgid "a {name}"\nmsgstr "{nom}"\n\n#, fuzzy\nmsgid "b"\nmsgstr "乙"\n')
    said = languages.faults(tmp_path)
    assert "gui_app: '{nom}' has not the placeholders of 'a {name}'" in said
    assert "gui_app: in doubt (fuzzy): 'b'" in said
    (part.parent / "views.po").write_text('msgid "a {name}"\nmsgstr "甲 {name}"\n')
    assert any("two translations of 'a {name}'" in each for each in languages.faults(tmp_path))
