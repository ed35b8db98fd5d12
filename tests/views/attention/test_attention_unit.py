"""Attention as shares, or as multiples of an even share, which compares over grids of any size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reference import make_trace

from vitviz.core.data.selection import Selection
from vitviz.session.figure.drawing_sweep import sweep
from vitviz.session.figure.sweep_steps import SweepStep, SweepSubject
from vitviz.views import find
from vitviz.views.shared.attention_unit import DENSITY, comparable


@pytest.fixture(scope="module")
def trace():
    return make_trace()


@pytest.mark.parametrize("name", ["heads", "rollout"])
def test_times_an_even_share_is_the_share_times_the_tokens(trace, name):
    share, density = (
        find(name).draw(trace, Selection(), {"unit": unit}) for unit in ("automatic", DENSITY)
    )
    for key, values in share.arrays.items():
        np.testing.assert_allclose(density.arrays[key], values * trace.grid.tokens, rtol=1e-5)
    for one, two in zip(share.panels, density.panels, strict=True):
        assert (one.bar.unit, two.bar.unit) == ("", "× even share")
        assert two.bar.high == pytest.approx(one.bar.high * trace.grid.tokens, rel=1e-5)
        assert one.facts == two.facts  # masses stay shares
    assert "1 is the share that every token would have" in density.caption


def test_what_vit_explain_computes_is_no_share_and_stays_as_it_is(trace):
    values = {"unit": DENSITY, "preset": "vit-explain"}
    assert find("rollout").draw(trace, Selection(), values).panels[0].bar.unit == ""


def test_beside_another_grid_the_unit_compares_unless_one_was_chosen():
    heads = find("heads")
    assert comparable(heads, {}, beside_others=True) == {"unit": DENSITY}
    assert comparable(heads, {}, beside_others=False) == {}
    chosen = {"unit": "share of attention"}
    assert comparable(heads, chosen, beside_others=True) == chosen
    assert comparable(find("positions"), {}, beside_others=True) == {}
    assert comparable(find("mosaic"), {}, beside_others=True) == {}


def test_a_page_over_patch_sizes_compares_densities(trace):
    finer = make_trace(rows=8, cols=12, patch=4)
    view, subject = find("heads"), SweepSubject(trace, Selection(), {"range": "view"})

    def read(name, other):
        return SweepStep(name, lambda subject: replace(subject, trace=other), "columns")

    apart = sweep(view, subject, [[read("8", trace), read("4", finer)]])
    assert [dict(one.options)["unit"] for one in apart] == [DENSITY] * 2
    alike = sweep(view, subject, [[read("8", trace), read("again", trace)]])
    assert all("unit" not in dict(one.options) for one in alike)
