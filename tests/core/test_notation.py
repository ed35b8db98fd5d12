"""One notation for numbers, wherever people read them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vitviz
from vitviz.core.notation import shown_number


@pytest.mark.parametrize(
    ("value", "digits", "said"),
    [
        (0, 3, "0"),
        (-0.0, 3, "0"),
        (1e-6, 3, "1e-6"),
        (0.000001, 1, "1e-6"),
        (1.0e-06, 6, "1e-6"),
        (4.4857e-9, 3, "4.49e-9"),
        (-2.5e-4, 2, "−2.5e-4"),
        (0.001, 3, "0.001"),
        (0.00099999, 3, "0.001"),
        (0.00375, 3, "0.00375"),
        (0.0115, 2, "0.011"),
        (0.5, 3, "0.5"),
        (-0.25, 3, "−0.25"),
        (1, 3, "1"),
        (9.999, 3, "10"),
        (12.345, 3, "12.3"),
        (100.0, 2, "100"),
        (12345.6, 3, "12346"),
        (999_999.7, 3, "1e6"),
        (1_234_567, 3, "1.23e6"),
        (float("nan"), 3, "not a number"),
        (float("inf"), 3, "∞"),
        (float("-inf"), 3, "−∞"),
    ],
)
def test_a_number_is_written_in_one_way(value, digits, said):
    assert shown_number(value, digits) == said


@pytest.mark.parametrize("exponent", range(-12, 7))
@pytest.mark.parametrize("digits", [1, 2, 3, 4, 6])
def test_what_is_written_is_the_number(exponent, digits):
    value = 1.23456789 * 10.0**exponent
    written = float(shown_number(value, digits))
    assert written == pytest.approx(value, rel=0.5 * 10 ** (1 - digits) + 1e-9)


def test_no_other_notation_is_written_where_people_read():
    """A format such as ".3g" or ".0e" writes 1e-06: there is one function for that."""
    package = Path(vitviz.__file__).parent
    rooms = ("core/data", "core/measures", "figures", "gui/canvas", "notebook", "views")
    found = [
        f"{file.relative_to(package)}: {match}"
        for room in rooms
        for file in (package / room).rglob("*.py")
        for match in re.findall(r"\{[^{}]*:\.[0-9]+[eg]\}", file.read_text(encoding="utf-8"))
    ]
    assert found == []
