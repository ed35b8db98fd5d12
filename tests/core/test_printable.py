"""Nothing in a name steers a terminal."""

from __future__ import annotations

import pytest

from vitviz.core.printable import named, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("räven 狐 — 3 × 4", "räven 狐 — 3 × 4"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("photo\u202egnp.exe", "photo\\u202egnp.exe"),
        ("bad\udcffname", "bad\\udcffname"),
        ("two\nlines", "two\nlines"),
        ("back\r", "back\\x0d"),
    ],
)
def test_what_steers_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_name_is_one_line_of_signs() -> None:
    assert named("a\nb\x1b[2J\udcff.png") == "a�b�[2J�.png"
    assert named("räven 狐.png") == "räven 狐.png"
