"""JSON and text files beside weights, in whatever encoding, of a size and depth that can be read."""

from __future__ import annotations

import codecs
import json
import stat
import unicodedata
from pathlib import Path
from typing import Any

from vitviz.core.pictures.unreadable import locked
from vitviz.core.progress import BadModel

LIMIT = 32 * 2**20
"""Bytes; the largest list of class names there is (ImageNet-22k with descriptions) has 5 MB."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_json(path: Path) -> object:
    """What a JSON file holds. BadModel where it is too large or deep, or no JSON."""
    text = read_text(path)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise BadModel(f"{path.name} is nested too deeply to be read; write it plainly") from error
    except ValueError as error:
        raise BadModel(f"{path.name} is no JSON ({error}); correct or remove it") from error


def read_mapping(path: Path) -> dict[str, Any]:
    """The same for a file that is one object, {} where there is no such file. BadModel for a list."""
    if not path.is_file():
        return {}
    found = read_json(path)
    if not isinstance(found, dict):
        kind = "null" if found is None else type(found).__name__
        raise BadModel(f"{path.name} holds {kind} where an object {{...}} is expected; correct it")
    return found


def read_text(path: Path) -> str:
    """A text file: UTF-8 with or without a mark, UTF-16 or UTF-32 with or without one, else Latin-1.

    BadModel where it is none, larger than any list of classes, or would be no words in Latin-1.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise BadModel(f"{path.name} is no file that can be read to its end; replace it")
        if found.st_size > LIMIT:
            raise BadModel(
                f"{path.name} has {found.st_size / 2**20:.0f} MB, more than names of classes or a "
                f"description need ({LIMIT // 2**20} MB are read)"
            )
        content = path.read_bytes()
    except PermissionError:
        raise BadModel(locked(path.name)) from None
    except OSError as error:
        raise BadModel(f"{path.name} cannot be read ({error.strerror or error})") from error
    return decoded(content, path.name)


def decoded(content: bytes, name: str) -> str:
    """Bytes as text. BadModel where they are no text in any of these encodings."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _decoded(content, encoding, name)
    if b"\0" in content[:200]:
        # Text of our alphabets: every second byte is zero, the first or the second of each pair.
        even, odd = content[0:200:2].count(0), content[1:200:2].count(0)
        return _decoded(content, "utf-16-le" if odd >= even else "utf-16-be", name)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return _western(
            _decoded(content, "cp1252" if _is_windows(content) else "latin-1", name), name
        )


def _western(text: str, name: str) -> str:
    """Text read as Latin-1, if that makes words. BadModel for what is of another alphabet.

    Western words are mostly of plain letters; Cyrillic, Greek or Chinese bytes make letters with
    accents alone, and those of old Macs signs inside of words.
    """
    letters = [sign for sign in text if sign.isalpha()]
    strange = [sign for sign in letters if sign > "\x7f"]
    signs = [sign for sign in text if unicodedata.category(sign) in ("Cc", "Sc", "Sm", "Sk")]
    if 2 * len(strange) > len(letters) or any(sign > "\x7f" for sign in signs):
        raise BadModel(
            f"{name} is neither UTF-8, UTF-16 nor Latin-1, and nothing says which alphabet it is in; "
            "save it as UTF-8"
        )
    return text


def _is_windows(content: bytes) -> bool:
    """Whether it has bytes that are signs in Windows' Western code page, and nothing in Latin-1."""
    return any(0x80 <= byte < 0xA0 for byte in content) and not any(
        byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) for byte in content
    )


def _decoded(content: bytes, encoding: str, name: str) -> str:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadModel(f"{name} is no text ({error.reason}); save it as UTF-8") from error
    if any(sign < " " and sign not in "\t\r\n\f" for sign in text[:4096]):
        raise BadModel(f"{name} is no text; save it as UTF-8")
    return text
