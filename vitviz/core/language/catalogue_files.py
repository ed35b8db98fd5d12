"""Catalogues on disk: .po parts that people write, and the compiled one that programs read.

An installed vitviz has the compiled file; a clone has the parts alone, compiled in memory when a
language is first spoken. Only what Babel writes is read here, and Babel is not needed for it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

COMPILED = "vitviz.mo"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_QUOTED = re.compile(r'^(?:(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d+)\])? +)?"(.*)"$')


@dataclass(slots=True)
class CatalogueMessage:
    """One English text with its translation, in as many forms as the language counts in."""

    text: str = ""
    meaning: str | None = None
    plural: str | None = None
    said: dict[int, str] = field(default_factory=dict)
    fuzzy: bool = False

    @property
    def key(self) -> str:
        """What a compiled catalogue finds it by."""
        named = self.text if self.meaning is None else f"{self.meaning}\x04{self.text}"
        return named if self.plural is None else f"{named}\x00{self.plural}"

    @property
    def translated(self) -> bool:
        """Whether every form is there, and nobody doubts it."""
        return bool(self.said) and all(self.said.values()) and not self.fuzzy


def message_folder(folder: str) -> Path:
    """Where a language's parts and its compiled catalogue lie."""
    from vitviz.core.resources import resource

    return resource(f"languages/{folder}/LC_MESSAGES")


def compiled_catalogue(folder: str) -> bytes:
    """A language's catalogue as gettext reads it; b"" where an installation has none."""
    there = message_folder(folder)
    if (made := there / COMPILED).is_file():
        return made.read_bytes()
    parts = sorted(there.glob("*.po"))
    return compiled(parts) if parts else b""


def compiled(parts: Iterable[Path]) -> bytes:
    """The parts of a language as one compiled catalogue; an untranslated text stays out of it."""
    said: dict[str, str] = {}
    for part in parts:
        for message in read_part(part.read_text(encoding="utf-8")):
            if message.translated:
                forms = (message.said[index] for index in sorted(message.said))
                said.setdefault(message.key, "\x00".join(forms))
    return _packed(sorted((key.encode(), value.encode()) for key, value in said.items()))


def read_part(written: str) -> list[CatalogueMessage]:
    """The messages of a part, its header (of no text) among them."""
    found: list[CatalogueMessage] = []
    message, into, flagged = CatalogueMessage(), "", False
    for line in written.splitlines():
        if line.startswith("#"):
            flagged = flagged or (line.startswith("#,") and "fuzzy" in line)
            continue
        if (quoted := _QUOTED.match(line.strip())) is None:
            continue
        word, form, text = quoted.groups()
        if word == "msgctxt" or (word == "msgid" and into != "msgctxt"):
            message = CatalogueMessage(fuzzy=flagged)
            flagged = False
            found.append(message)
        into = word or into
        _add(message, into, int(form or 0) if word else None, _plain(text))
    return found


def _add(message: CatalogueMessage, word: str, form: int | None, text: str) -> None:
    match word:
        case "msgctxt":
            message.meaning = (message.meaning or "") + text
        case "msgid":
            message.text += text
        case "msgid_plural":
            message.plural = (message.plural or "") + text
        case _:
            at = max(message.said, default=0) if form is None else form
            message.said[at] = message.said.get(at, "") + text


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text)


def _packed(rows: list[tuple[bytes, bytes]]) -> bytes:
    """GNU's format: two tables of lengths and places, then all texts, each with a zero behind it."""
    start = 28 + 16 * len(rows)
    texts, tables = bytearray(), ([], [])  # type: tuple[bytearray, tuple[list[int], list[int]]]
    for side in (0, 1):
        for row in rows:
            tables[side].extend((len(row[side]), start + len(texts)))
            texts += row[side] + b"\x00"
    head = struct.pack("<7I", 0x950412DE, 0, len(rows), 28, 28 + 8 * len(rows), 0, start)
    return head + struct.pack(f"<{4 * len(rows)}I", *tables[0], *tables[1]) + bytes(texts)
