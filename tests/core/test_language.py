"""The language of what people read: English untouched, another one where it was asked for."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from vitviz.core.language import (
    N_,
    _,
    can_be_written,
    chosen_language,
    current_language,
    first_known,
    language,
    ngettext,
    paragraphs,
    pgettext,
    speak,
    split_paragraphs,
)
from vitviz.core.language.catalogue_files import compiled, read_part
from vitviz.core.language.pseudo_text import pseudo
from vitviz.core.language.system_language import of_macos, of_variables, system_languages
from vitviz.core.progress import VitvizError

_PART = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

msgid "A line\\n"
"and \\"another\\""
msgstr "一行\\n又“一行”"

msgctxt "of a plot"
msgid "key"
msgstr "图例"

msgid "{n} head"
msgid_plural "{n} heads"
msgstr[0] "{n} 个头"

#, fuzzy
msgid "guessed"
msgstr "猜"

msgid "untranslated"
msgstr ""

#~ msgid "gone"
#~ msgstr "没了"
"""


def test_english_is_the_very_text() -> None:
    text = "A sentence."
    assert _(text) is text
    assert N_(text) is text
    assert paragraphs(text) is text
    assert pgettext("of a plot", "key") == "key"
    assert [ngettext("{n} head", "{n} heads", n) for n in (0, 1, 2)] == [
        "{n} heads",
        "{n} head",
        "{n} heads",
    ]


def test_a_language_is_spoken_inside_and_by_threads_that_ask() -> None:
    heard = []
    with language("pseudo"):
        assert current_language() == "pseudo"
        assert _("Open") == pseudo("Open")
        with language("en"):
            assert _("Open") == "Open"
        with language(None):
            assert _("Open") == pseudo("Open")
        other = threading.Thread(target=lambda: heard.append(_("Open")))
        other.start()
        other.join()
    assert heard == ["Open"], "what one thread says is no matter of another's"
    assert _("Open") == "Open"


def test_the_whole_process_speaks() -> None:
    speak("pseudo")
    try:
        assert _("Open") == pseudo("Open")
    finally:
        speak("en")


def test_an_unknown_language_is_named_with_those_that_there_are() -> None:
    with pytest.raises(VitvizError, match=r"no language 'xx' here; there are: en, zh"):
        speak("xx")


def test_pseudo_text_is_longer_and_keeps_placeholders() -> None:
    text = "Undone: {words}, the last of several changes."
    said = pseudo(text)
    assert len(said) >= 1.4 * len(text) - 1
    assert said.format(words="a column").startswith("⟦Undone: a column,")
    assert pseudo(" ") == " "


def test_paragraphs_are_told_apart() -> None:
    assert split_paragraphs("One\n  line.\n\n  Two. ") == ["One line.", "Two."]
    with language("pseudo"):
        assert paragraphs("One.\n\nTwo.") == f"{pseudo('One.')}\n\n{pseudo('Two.')}"


def test_chosen_by_variable_then_setting_then_system(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VITVIZ_LANGUAGE", "zh")
    assert chosen_language("en") == "zh"
    monkeypatch.delenv("VITVIZ_LANGUAGE")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert system_languages() == ("zh_CN.UTF-8",)
    assert chosen_language("en") == "en"
    assert chosen_language() == chosen_language("gone") == "zh"
    monkeypatch.setenv("LANGUAGE", "de:en:zh")
    assert of_variables() == ("de", "en", "zh")
    assert chosen_language() == "en"
    monkeypatch.setenv("VITVIZ_LANGUAGE", "xx")
    with pytest.raises(VitvizError, match="no language 'xx'"):
        chosen_language()


def test_system_names_of_languages() -> None:
    assert first_known(("zh-Hans-CN",)) == first_known(("zh",)) == "zh"
    assert first_known(("C.UTF-8",)) == first_known(()) == first_known(("de_DE", "fr")) == "en"


def test_macos_settings_are_read(tmp_path: Path) -> None:
    import plistlib

    file = tmp_path / "settings.plist"
    assert of_macos(file) == ()
    file.write_bytes(plistlib.dumps({"AppleLanguages": ["zh-Hans-CN", "en"]}))
    assert of_macos(file) == ("zh-Hans-CN", "en")
    file.write_bytes(b"no settings")
    assert of_macos(file) == ()


def test_consoles_without_the_letters() -> None:
    assert can_be_written("zh", "utf-8")
    assert can_be_written("zh", "gbk")
    assert not can_be_written("zh", "cp1252")
    assert not can_be_written("zh", None)
    assert can_be_written("en", "ascii")


def test_a_part_is_read_and_compiled_as_gettext_wants_it(tmp_path: Path) -> None:
    from gettext import GNUTranslations
    from io import BytesIO

    part = tmp_path / "part.po"
    part.write_text(_PART, encoding="utf-8")
    found = {message.text: message for message in read_part(_PART)}
    assert found["guessed"].fuzzy
    assert not found["untranslated"].translated
    assert "gone" not in found
    made = GNUTranslations(BytesIO(compiled([part])))
    assert made.gettext('A line\nand "another"') == "一行\n又“一行”"
    assert made.pgettext("of a plot", "key") == "图例"
    assert made.gettext("key") == "key"
    assert made.ngettext("{n} head", "{n} heads", 3) == "{n} 个头"
    assert made.gettext("guessed") == "guessed"
    assert made.gettext("untranslated") == "untranslated"
