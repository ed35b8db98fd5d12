"""Fields that are made at the first look, and once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from vitviz.core.data.lazy_field import as_given, later, lazy_fields


@lazy_fields("twice")
@dataclass(frozen=True)
class Number:
    value: int
    twice: int


def test_it_is_made_at_the_first_look_and_once():
    looks = []

    def make(number):
        looks.append(number)
        return 2 * number.value

    number = Number(4, later(make))
    assert not looks
    assert (number.twice, number.twice) == (8, 8)
    assert looks == [number]
    assert as_given(number, "twice") == 8


def test_a_value_is_taken_as_it_is_and_stays_frozen():
    number = replace(Number(4, 9), value=5)
    assert (number.value, number.twice) == (5, 9)
    with pytest.raises(AttributeError):
        number.twice = 3  # type: ignore[misc]


def test_what_is_not_made_is_handed_on_unmade():
    number = Number(4, later(lambda one: one.value + 1))
    other = Number(10, as_given(number, "twice"))
    assert other.twice == 11
    assert number.twice == 5
