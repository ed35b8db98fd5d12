"""Patterns do what numpy's reshape and transpose do, and what does not fit is said, not crashed on."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from vitviz.core.measures.einops_pattern import MOST, AxisOrder, lengths_of, run
from vitviz.core.progress import VitvizError

PICTURE = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)


def test_patches_in_a_row_are_reshape_and_transpose():
    order = AxisOrder(
        "rearrange", "(row p1) (col p2) c -> (row col) (p1 p2 c)", (("p1", 4), ("p2", 6))
    )
    plain = PICTURE.reshape(2, 4, 2, 6, 3).transpose(0, 2, 1, 3, 4).reshape(4, 72)
    np.testing.assert_array_equal(run(order, PICTURE), plain)


def test_reduce_and_repeat():
    mean = run(AxisOrder("reduce", "(row y) (col x) c -> row col c", (("y", 2), ("x", 2))), PICTURE)
    plain = PICTURE.astype(np.float64).reshape(4, 2, 6, 2, 3).mean((1, 3))
    np.testing.assert_allclose(mean, plain, rtol=1e-5)
    twice = run(
        AxisOrder("repeat", "row col c -> (row y) (col x) c", (("y", 2), ("x", 2))), PICTURE
    )
    np.testing.assert_array_equal(twice, PICTURE.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("p1=16 p2=8", (("p1", 16), ("p2", 8))),
        ("p1 = 16, p2=8;q=1", (("p1", 16), ("p2", 8), ("q", 1))),
        ("", ()),
    ],
)
def test_lengths_are_read(text, found):
    assert lengths_of(text) == found


@pytest.mark.parametrize("text", ["p1", "p1=a", "p1=-2", "__import__('os')", "p1=1+1", "1=2"])
def test_what_is_no_length_is_said(text):
    with pytest.raises(VitvizError, match="no axis length"):
        lengths_of(text)


def test_einops_own_words_are_kept():
    with pytest.raises(VitvizError, match="Identifiers only on one side"):
        run(AxisOrder("rearrange", "row col c -> row col"), PICTURE)


def test_a_result_too_large_is_refused_with_its_number_before_it_is_made():
    order = AxisOrder("repeat", "row col c -> row col c n", (("n", 999_999_999),))
    with pytest.raises(VitvizError, match=r"287,999,999,712 numbers"):
        run(order, PICTURE)
    with pytest.raises(VitvizError, match="at most"):
        run(AxisOrder("repeat", "row col c -> row col c 999999"), PICTURE)
    assert MOST < 2**31


texts = some.text(some.sampled_from("rowcl ->()12=.…_*'\"[]pyé"), max_size=40)


@settings(max_examples=150, deadline=None)
@given(texts, texts, some.sampled_from(["rearrange", "reduce", "repeat"]))
def test_whatever_is_typed_gives_an_array_or_a_sentence(pattern, lengths, operation):
    found = None
    with suppress(VitvizError):
        found = run(AxisOrder(operation, pattern, lengths_of(lengths)), PICTURE)
    assert found is None or found.size <= MOST
