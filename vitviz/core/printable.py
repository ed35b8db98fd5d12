"""Words from files made safe to print: nothing in a name steers a terminal or hides in a line."""

from __future__ import annotations

import unicodedata

_KEPT = "\n\t"
_HIDDEN = ("Cc", "Cs", "Cn", "Co")
_TURNS = "\u200e\u200f\u061c\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Marks that turn the direction of what follows, or end a line unseen."""


def printable(text: str) -> str:
    r"""The text with every control character, direction mark and broken letter written out (`\x1b`)."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if _plain(letter) else _written(letter) for letter in text)


def named(text: str) -> str:
    """A file's name as a word: bytes that are no UTF-8, and whatever steers, become one sign each."""
    return "".join(
        letter if _plain(letter) and letter not in _KEPT else "\ufffd" for letter in text
    )


def _plain(letter: str) -> bool:
    if letter in _KEPT:
        return True
    return letter not in _TURNS and unicodedata.category(letter) not in _HIDDEN


def _written(letter: str) -> str:
    return (
        letter.encode("ascii", "backslashreplace").decode()
        if ord(letter) > 127
        else (f"\\x{ord(letter):02x}")
    )
