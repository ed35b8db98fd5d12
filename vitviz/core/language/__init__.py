"""The language of what people read: English as it stands in the code, or a catalogue's words for it.

A text for people goes through `_` where it is said, never before: what is remembered, compared or
written into a recipe stays English, and one process may draw a figure in Chinese while its window
speaks English. `.github/CONTRIBUTING.md` shows how a text is written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeVar

from vitviz.core.language.pseudo_text import pseudo
from vitviz.core.progress import VitvizError

if TYPE_CHECKING:
    from gettext import NullTranslations

LanguageCode = Literal["en", "zh"]
ENGLISH, PSEUDO = "en", "pseudo"
LANGUAGES = {ENGLISH: "English", "zh": "简体中文"}
"""Each language by its code, with its name in its own script."""
FOLDERS = {"zh": "zh_CN"}
"""The folder of each catalogue under `resources/languages`; Qt calls its own words so too."""
VARIABLE = "VITVIZ_LANGUAGE"
_Text = TypeVar("_Text", bound=str)


def _of_environment() -> str:
    """What VITVIZ_LANGUAGE asks for; English where it names none, since no import fails for that."""
    named = os.environ.get(VARIABLE, "")
    return named if named in LANGUAGES or named == PSEUDO else ENGLISH


_everywhere = _of_environment()
_here: ContextVar[str] = ContextVar("language", default="")


def current_language() -> str:
    """The code of what is spoken here: of the innermost `language`, else of the whole process."""
    return _here.get() or _everywhere


def speak(code: str) -> None:
    """Has the whole process speak a language from now on; VitvizError for one that there is not."""
    global _everywhere
    _everywhere = known_language(code)


@contextmanager
def language(code: str | None) -> Iterator[None]:
    """Has whatever is said inside said in a language, whatever the rest of the process speaks.

    >>> from vitviz.core.language import current_language, language
    >>> with language("zh"):
    ...     current_language()
    'zh'

    With None or "" nothing changes. VitvizError for a language that there is not.
    """
    if not code:
        yield
        return
    before = _here.set(known_language(code))
    try:
        yield
    finally:
        _here.reset(before)


def known_language(code: str) -> str:
    """The code itself; VitvizError, with those that there are, for one that there is not."""
    if code not in LANGUAGES and code != PSEUDO:
        raise VitvizError(
            f"there is no language {code!r} here; there are: {', '.join(LANGUAGES)}; "
            f"choose one with --language or {VARIABLE}"
        )
    return code


def chosen_language(setting: str = "") -> str:
    """The language to speak: VITVIZ_LANGUAGE's, else the remembered one, else the system's.

    VitvizError where VITVIZ_LANGUAGE names none that there is.
    """
    if named := os.environ.get(VARIABLE, ""):
        return known_language(named)
    if setting in LANGUAGES:
        return setting
    from vitviz.core.language.system_language import system_languages

    return first_known(system_languages())


def first_known(tags: tuple[str, ...]) -> str:
    """The first of a system's languages ("zh-Hans-CN", "de_DE.UTF-8") that there is; else English."""
    for tag in tags:
        code = tag.replace("-", "_").split("_")[0].split(".")[0].lower()
        if code in LANGUAGES:
            return code
    return ENGLISH


def can_be_written(code: str, encoding: str | None) -> bool:
    """Whether a console with that encoding has the letters of a language."""
    try:
        LANGUAGES.get(code, "").encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _(text: str) -> str:
    """A text for people in the language spoken here; English is given back as it is."""
    code = _here.get() or _everywhere
    if code == ENGLISH or not text:
        return text
    return pseudo(text) if code == PSEUDO else _catalogue(code).gettext(text)


def pgettext(meaning: str, text: str) -> str:
    """As `_`, for an English word of several meanings: `pgettext("of a plot", "key")`."""
    code = _here.get() or _everywhere
    if code == ENGLISH:
        return text
    return pseudo(text) if code == PSEUDO else _catalogue(code).pgettext(meaning, text)


def ngettext(one: str, many: str, count: int) -> str:
    """As `_`, in the form that goes with a count: `ngettext("{n} head", "{n} heads", n)`."""
    code = _here.get() or _everywhere
    if code in (ENGLISH, PSEUDO):
        form = one if count == 1 else many
        return form if code == ENGLISH else pseudo(form)
    return _catalogue(code).ngettext(one, many, count)


def N_(text: _Text) -> _Text:  # noqa: N802 (gettext's own name)
    """Marks a text that is made when a module is imported, and goes through `_` when it is shown."""
    return text


def paragraphs(text: str) -> str:
    """A longer help text in the language spoken here, paragraph by paragraph."""
    if current_language() == ENGLISH:
        return text
    return "\n\n".join(_(each) for each in split_paragraphs(text))


def split_paragraphs(text: str) -> list[str]:
    """The paragraphs of a docstring or help text, each on one line, as catalogues hold them."""
    return [" ".join(each.split()) for each in text.strip().split("\n\n") if each.strip()]


@cache
def _catalogue(code: str) -> NullTranslations:
    """A language's words; none, so that English is spoken, where an installation lacks them."""
    from gettext import GNUTranslations, NullTranslations
    from io import BytesIO

    from vitviz.core.language.catalogue_files import compiled_catalogue

    written = compiled_catalogue(FOLDERS[code])
    return GNUTranslations(BytesIO(written)) if written else NullTranslations()
