"""What changes is drawn beside what was, from one trace; the numbers are those of the two passes."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

import vitviz
from vitviz import Intervention
from vitviz.core.data.drawing import Bars, Heat, Message
from vitviz.core.data.plots import Plot, Table
from vitviz.core.data.selection import Selection
from vitviz.core.data.target import Target
from vitviz.core.pictures.picture_area import area_of
from vitviz.core.progress import VitvizError
from vitviz.views import find


def heats(drawing):
    return [
        next(layer for layer in panel.layers if isinstance(layer, Heat))
        for panel in drawing.rows[0][:2]
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"positions": "removed"},
        {"positions": "shuffled", "seed": 2},
        {"positions": "sin-cos"},
        {"positions": "learned", "patches": "shuffled"},
    ],
)
def test_both_passes_are_drawn_in_one_range(tiny_model, tiny_trace, photo, change):
    drawing = vitviz.draw("whatif", tiny_trace, token=(1, 1), layer=2, head=1, **change)
    after = vitviz.trace(tiny_model, photo, intervention=Intervention(**change))
    token = tiny_trace.grid.token(1, 1)
    found = heats(drawing)
    for one, trace in zip(found, (tiny_trace, after), strict=True):
        row = trace.layers[2].attention.rows(token)[1][trace.grid.patches]
        np.testing.assert_allclose(one.values.ravel(), row, atol=1e-6)
    assert found[0].scale == found[1].scale
    bars = [panel.layers[0] for panel in drawing.rows[1]]
    assert all(isinstance(each, Bars) for each in bars)
    assert bars[1].values == tuple(each.share for each in after.predictions[:5])


def test_the_pinned_patch_and_the_chosen_head_can_be_taken_out(tiny_model, tiny_trace, photo):
    drawing = vitviz.draw(
        "whatif",
        tiny_trace,
        token=(0, 2),
        layer=1,
        head=0,
        positions="learned",
        masked="the pinned patch",
        heads="without the chosen head",
    )
    change = Intervention(masked=(2,), heads=((1, 0),))
    after = vitviz.trace(tiny_model, photo, intervention=change)
    assert drawing.rows[1][1].layers[0].values == tuple(
        each.share for each in after.predictions[:5]
    )
    assert change.words in drawing.title


def test_the_table_lists_the_usual_changes(tiny_trace):
    drawing = vitviz.draw("whatif", tiny_trace, positions="removed", every=True)
    (panel,) = drawing.rows[2]
    table = panel.layers[0]
    assert isinstance(table, Table)
    changed = [row[0] for row in table.rows]
    assert changed[0] == "nothing changed"
    assert changed[table.chosen] == "positions removed"
    assert dict(zip(changed, table.rows, strict=True))["nothing changed"][4] == "1.00"


def test_nothing_changed_says_so(tiny_trace):
    drawing = vitviz.draw("whatif", tiny_trace, positions="learned")
    assert drawing.title.startswith("Nothing is changed")
    one, other = heats(drawing)
    np.testing.assert_array_equal(one.values, other.values)


def test_a_model_without_a_table_says_why(photo):
    trace = vitviz.trace(vitviz.load("test_vit4", pretrained=False, pos_embed="none"), photo)
    (panel,) = vitviz.draw("whatif", trace, positions="removed").panels
    assert isinstance(panel.layers[0], Message)
    assert "no learned table" in panel.layers[0].text


def test_two_passes_are_compared_like_any_other_columns(tiny_model, tiny_trace, photo):
    after = vitviz.trace(tiny_model, photo, intervention=Intervention("removed"))
    drawing = vitviz.draw("difference", tiny_trace, against=after)
    assert "positions removed" in drawing.title + " ".join(panel.title for panel in drawing.panels)
    assert drawing.made.against.intervention == Intervention("removed")


@pytest.fixture(scope="module")
def tnt():
    """A small Transformer in Transformer whose words do not look everywhere alike."""
    torch.manual_seed(1)
    small = {"img_size": 32, "embed_dim": 24, "inner_dim": 8, "depth": 2, "num_heads_inner": 2}
    model = vitviz.load(
        "tnt_s_patch16_224", pretrained=False, num_heads_outer=3, num_classes=5, **small
    )
    with torch.no_grad():
        for parameter in model.module.parameters():
            parameter += torch.randn_like(parameter) * 0.2
    return model


@pytest.mark.parametrize("inner", ["each word alone", "blocks off"])
def test_what_the_words_add_is_seen_beside_what_was(tnt, photo, inner):
    trace = vitviz.trace(tnt, photo)
    drawing = vitviz.draw("whatif", trace, token=(1, 0), layer=1, positions="learned", inner=inner)
    after = vitviz.trace(tnt, photo, intervention=Intervention(inner=inner))
    token = trace.grid.token(1, 0)
    for one, other in zip(heats(drawing), (trace, after), strict=True):
        row = other.layers[1].attention.rows(token).mean(0)[other.grid.patches]
        np.testing.assert_allclose(one.values.ravel(), row, atol=1e-6)
    assert np.abs(heats(drawing)[0].values - heats(drawing)[1].values).max() > 1e-4
    assert drawing.rows[1][1].layers[0].values == tuple(
        each.share for each in after.predictions[:5]
    )
    assert Intervention(inner=inner).words in drawing.title
    assert ("inner", inner) in drawing.made.options


def test_only_a_model_with_words_lists_them_and_others_say_why(tnt, tiny_trace, photo):
    of_words = {"each word looking only at itself", "inner blocks off"}
    for trace, there in ((vitviz.trace(tnt, photo), of_words), (tiny_trace, set())):
        table = vitviz.draw("whatif", trace, every=True).rows[2][0].layers[0]
        assert {row[0] for row in table.rows} & of_words == there
        assert "cannot be done here" not in {row[1] for row in table.rows}
    (panel,) = vitviz.draw("whatif", tiny_trace, positions="learned", inner="blocks off").panels
    assert "does not divide its patches into words" in panel.layers[0].text


def test_what_is_taken_out_is_said_in_a_sentence(tiny_trace):
    drawing = vitviz.draw(
        "whatif", tiny_trace, positions="learned", layer=1, head=0, heads="without the chosen head"
    )
    assert drawing.title.startswith("With layer 2 head 1 taken out: ")


def test_several_heads_are_taken_out_by_name(tiny_model, tiny_trace, photo):
    drawing = vitviz.draw("whatif", tiny_trace, positions="learned", without="1.1, 1.2, 3.2")
    change = Intervention(heads=((0, 0), (0, 1), (2, 1)))
    after = vitviz.trace(tiny_model, photo, intervention=change)
    assert drawing.rows[1][1].layers[0].values == tuple(p.share for p in after.predictions[:5])
    for wrong in ("9.1", "1.7", "first"):
        with pytest.raises(VitvizError, match="head"):
            vitviz.draw("whatif", tiny_trace, without=wrong)


def test_a_class_that_has_fallen_far_is_still_a_number(tiny_model, tiny_trace, photo):
    """Every usual change: the first answer's probability, whether it is among the best or not."""
    drawing = vitviz.draw("whatif", tiny_trace, every=True)
    first = tiny_trace.predictions[0].index
    for row in drawing.rows[2][0].layers[0].rows:
        assert re.fullmatch(r"[\d.e-]+%", row[3]), row
    change = Intervention(positions="shuffled", patches="in place")
    after = vitviz.trace(tiny_model, photo, intervention=change)
    answers = after.source.hidden_answers(
        Target("output", index=0), np.zeros((1, after.grid.rows * after.grid.cols), bool), "mean"
    ).answers[0]
    share = np.exp(answers - answers.max())
    share /= share.sum()
    row = next(each for each in drawing.rows[2][0].layers[0].rows if each[0] == change.words)
    assert float(row[3].rstrip("%")) / 100 == pytest.approx(share[first], abs=6e-4)
    best = after.predictions[0]
    assert share[best.index] == pytest.approx(best.share, rel=1e-4)


def test_painted_patches_are_hidden_or_kept(tiny_model, tiny_trace, photo):
    grid, crop = tiny_trace.grid, tiny_trace.crop
    patches = [11, 12, 3]
    painted = area_of(patches, grid, crop).text
    for paint, hidden in (
        ("hides", patches),
        ("keeps", [each for each in range(grid.rows * grid.cols) if each not in patches]),
    ):
        drawing = vitviz.draw("whatif", tiny_trace, painted=painted, paint=paint)
        after = vitviz.trace(tiny_model, photo, intervention=Intervention(masked=tuple(hidden)))
        assert drawing.rows[1][1].layers[0].values == tuple(
            each.share for each in after.predictions[:5]
        )
    assert len(drawing.rows) == 2, "in a file the curve is drawn when it is asked for"


def test_the_curve_follows_the_patches_as_they_were_painted(tiny_model, tiny_trace, photo):
    patches = [33, 12, 13, 4]
    painted = area_of(patches, tiny_trace.grid, tiny_trace.crop).text
    drawing = vitviz.draw("whatif", tiny_trace, painted=painted, curve="on")
    (panel,) = drawing.rows[2]
    plot = panel.layers[0]
    assert isinstance(plot, Plot)
    first = plot.curves[0]
    assert first.x.tolist() == [0, 1, 2, 3, 4]
    best = tiny_trace.predictions[0]
    assert first.y[0] == pytest.approx(best.share, abs=1e-5)
    one = vitviz.trace(tiny_model, photo, intervention=Intervention(masked=(33, 12)))
    every = {each.index: each.share for each in one.predictions}
    if best.index in every:
        assert first.y[2] == pytest.approx(every[best.index], abs=1e-5)
    steps = find("whatif").sharper(tiny_trace, Selection(), {"painted": painted})
    assert [step["curve"] for step in steps] == ["off", "on"]
    assert find("whatif").sharper(tiny_trace, Selection()) == ({},)


def test_a_wrong_painting_gets_a_sentence(tiny_trace):
    with pytest.raises(VitvizError, match="TOP LEFT BOTTOM RIGHT"):
        vitviz.draw("whatif", tiny_trace, painted="3,4")


def test_heads_may_look_everywhere_alike_and_the_picture_may_be_changed(
    tiny_model, tiny_trace, photo
):
    drawing = vitviz.draw("whatif", tiny_trace, without="2.1, 3.2", heads_give="an even look")
    change = Intervention(even=((1, 0), (2, 1)))
    after = vitviz.trace(tiny_model, photo, intervention=change)
    assert drawing.rows[1][1].layers[0].values == tuple(
        each.share for each in after.predictions[:5]
    )
    assert change.words in drawing.title
    drawing = vitviz.draw("whatif", tiny_trace, darkened=0.5, down=0.1)
    assert "darkened by 50%, moved 10% down" in drawing.title
    assert all(re.search(r"^\d", text) for text in drawing.rows[1][1].layers[0].texts)
