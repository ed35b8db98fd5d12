"""Why an answer, drawn: every method, targets of every kind, tests of the map, and what is refused."""

from __future__ import annotations

import re
from typing import get_args

import numpy as np
import pytest

import vitviz
from vitviz.core.data.attribution import SIGNED, AttributionQuery, Method
from vitviz.core.data.drawing import Heat, HeatTiles, Message, Outlines, Segments
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Plot, Table
from vitviz.core.data.selection import Place, Selection
from vitviz.core.data.target import Target
from vitviz.core.measures.faithfulness import hidden_sets, hiding_order
from vitviz.core.measures.marks import box_coverage, mark_fit
from vitviz.core.notation import shown_number
from vitviz.core.pictures.picture_area import PictureArea, area_of
from vitviz.core.progress import VitvizError
from vitviz.session.columns.column_drawings import changed
from vitviz.views import find, views
from vitviz.views.answers import trust
from vitviz.views.answers.method_words import METHODS


def heat_of(panel):
    return next(layer for layer in panel.layers if isinstance(layer, Heat))


@pytest.mark.parametrize("method", get_args(Method))
def test_every_method_is_drawn_with_its_formula(tiny_trace, method):
    drawing = vitviz.draw("why", tiny_trace, target=3, method=method, steps=4, window=4)
    heat = heat_of(drawing.panels[0])
    asked = AttributionQuery(
        Target("class", index=3),
        method,
        steps=4,
        window=4,
        fill="mean",
    ).plain()
    expected = tiny_trace.source.attribution(asked).patches
    np.testing.assert_allclose(heat.values.ravel(), expected, rtol=1e-4, atol=1e-7)
    assert METHODS[method].source in drawing.caption
    assert "class 3" in drawing.title
    assert (heat.scale.low == -heat.scale.high) == (method in SIGNED)
    assert heat.scale.table == ("vik" if method in SIGNED else "viridis")


def test_legrad_shows_every_layers_part(tiny_trace):
    _, layers = vitviz.draw("why", tiny_trace, method="LeGrad").panels
    assert isinstance(layers.layers[0], HeatTiles)
    shown = layers.layers[0].values.reshape(-1, *layers.layers[0].values.shape[2:])
    assert np.isfinite(shown).all(axis=(1, 2)).sum() == len(tiny_trace.layers)


def test_the_chosen_token_layer_and_head_are_taken(tiny_trace):
    options = {"method": "gradient x attention", "of": "the chosen token", "at": "chosen layer"}
    drawing = vitviz.draw("why", tiny_trace, token=(2, 3), layer=1, head=0, **options)
    assert "layer 2" in drawing.title
    assert "head 1" in drawing.title
    assert "(2, 3)" in drawing.title
    query = AttributionQuery(
        method="gradient x attention", token=tiny_trace.grid.token(2, 3), layer=1, head=0
    )
    expected = tiny_trace.source.attribution(query).patches
    np.testing.assert_array_equal(heat_of(drawing.panels[0]).values.ravel(), expected)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("3-1", "class 3 against class 1"),
        ("output:2", "output 2"),
        ("feature:5", "feature 5"),
        ("lens:0:4", "class 4 as layer 1"),
        (lambda out: out[0, 1] ** 2, "<lambda>"),
    ],
)
def test_targets_of_every_kind(tiny_trace, target, said):
    drawing = vitviz.draw("why", tiny_trace, target=target, method="input x gradient")
    assert said in drawing.title
    assert dict(drawing.recipe)["target"]
    assert drawing.made.selection.target.function is None


def test_another_pictures_embedding(tiny_trace, tmp_path, photo):
    from PIL import Image

    file = tmp_path / "other.png"
    Image.fromarray(photo[:, ::-1]).save(file)
    drawing = vitviz.draw("why", tiny_trace, target=f"like:{file}", method="Grad-CAM")
    assert "similarity with other.png" in drawing.title
    made = drawing.made.selection.target
    assert made.other == "other.png"  # no folder's name in a recipe
    assert len(made.text) == 64
    same = vitviz.draw("why", tiny_trace, target=f"like:{file}", method="occlusion", window=8)
    assert -1 <= float(same.caption.split(": ")[1].split(" ")[0].rstrip(".")) <= 1


def test_what_a_model_has_not_gets_a_sentence(tiny_trace, photo):
    drawing = vitviz.draw("why", tiny_trace, target="prompt:a cat")
    (panel,) = drawing.panels
    assert isinstance(panel.layers[0], Message)
    assert "no text tower" in panel.layers[0].text
    with pytest.raises(VitvizError, match="no class 100000"):
        vitviz.draw("why", tiny_trace, target=100000)
    bare = vitviz.trace(vitviz.load("test_vit", pretrained=False, num_classes=0), photo)
    (panel,) = vitviz.draw("why", bare).panels
    assert "no head" in panel.layers[0].text
    drawn = vitviz.draw("why", bare, target="feature:2", method="relevance")
    assert isinstance(heat_of(drawn.panels[0]), Heat)


def test_deletion_and_insertion_are_the_models_own_answers(tiny_trace):
    drawing = vitviz.draw("why", tiny_trace, target=3, test="deletion and insertion")
    _, deletion, insertion = drawing.panels
    own = {curve.name: curve.y for curve in deletion.layers[0].curves}["this map"]
    query = AttributionQuery(Target("class", index=3)).plain()
    values = tiny_trace.source.attribution(query).patches
    hidden = hidden_sets(hiding_order(values))[4:5]
    answers = tiny_trace.source.hidden_answers(Target("class", index=3), hidden, "mean").answers
    powers = np.exp(answers[0] - answers[0].max())
    assert own[5] == pytest.approx(powers[3] / powers.sum(), rel=1e-3)
    assert isinstance(insertion.layers[0], Plot)
    assert "random" in drawing.caption
    assert "mean grey" in drawing.caption
    assert "by trapezoids" in drawing.caption


def test_another_target_runs_nothing_anew(tiny_trace, monkeypatch):
    vitviz.draw("why", tiny_trace, target=3, method="attention", test="deletion and insertion")
    probe = type(tiny_trace.source)
    asked = []
    run = probe.hidden_answers
    monkeypatch.setattr(
        probe, "hidden_answers", lambda self, *args: asked.append(args) or run(self, *args)
    )
    vitviz.draw("why", tiny_trace, target=5, method="attention", test="deletion and insertion")
    assert asked == []


def test_random_weights_change_a_map_of_what_was_learned(tiny_trace):
    drawing = vitviz.draw("why", tiny_trace, target=3, test="random weights")
    table = drawing.panels[1].layers[0]
    assert isinstance(table, Table)
    assert table.rows[0][0] == "the head"
    before = tiny_trace.source.attribution(AttributionQuery(Target("class", index=3))).patches
    again = tiny_trace.source.attribution(AttributionQuery(Target("class", index=3))).patches
    np.testing.assert_array_equal(before, again)


def test_a_map_that_ignores_the_head_is_marked_as_such(tiny_trace):
    drawing = vitviz.draw("why", tiny_trace, method="attention", test="random weights")
    assert "does not change with the head" in drawing.caption


def test_an_own_mark_is_outlined_and_measured(tiny_trace):
    drawing = vitviz.draw("why", tiny_trace, target=3, mark="0, 0, 60, 80")
    outline = drawing.panels[0].layers[-1]
    assert isinstance(outline, Outlines)
    crop = tiny_trace.crop
    box = crop.box_to_model(Box(0, 0, 60, 80)).clip(crop.frame)
    assert outline.boxes == (box,)
    query = AttributionQuery(Target("class", index=3)).plain()
    values = tiny_trace.source.attribution(query).patches
    fit = mark_fit(values, box_coverage(box, tiny_trace.grid))
    assert fit.words() in drawing.caption
    for wrong in ("1, 2, 3", "a box", "60, 0, 0, 80"):
        with pytest.raises(VitvizError, match=re.escape(wrong)):
            vitviz.draw("why", tiny_trace, mark=wrong)


def test_methods_stand_side_by_side(tiny_trace):
    drawing = vitviz.draw("methods", tiny_trace, target=3, methods="relevance, grad-cam, attention")
    names = [panel.title for panel in drawing.panels]
    assert names == ["relevance", "Grad-CAM", "attention", "How alike", "Where they disagree"]
    matrix = heat_of(drawing.panels[3]).values
    np.testing.assert_allclose(np.diag(matrix), 1, rtol=1e-5)
    np.testing.assert_allclose(matrix, matrix.T)
    with pytest.raises(VitvizError, match="no method Smooth"):
        vitviz.draw("methods", tiny_trace, methods="relevance, Smooth")


def test_the_ledger_sums_to_the_logit_and_says_so(tiny_trace):
    drawing = vitviz.draw("ledger", tiny_trace, target=3)
    found = tiny_trace.source.ledger(Target("class", index=3))
    shown = heat_of(drawing.panels[0]).values.ravel()
    expected = found.heads.sum(axis=(0, 1))[tiny_trace.grid.patches]
    np.testing.assert_allclose(shown, expected, rtol=1e-4, atol=1e-9)
    assert f"{found.total:.5f}" in drawing.caption
    table = drawing.panels[2].layers[0]
    assert float(table.rows[-1][-1].replace("−", "-")) == pytest.approx(found.total, abs=1e-3)
    one = vitviz.draw("ledger", tiny_trace, target=3, layer=1, head=1, over="chosen head")
    np.testing.assert_array_equal(
        heat_of(one.panels[0]).values.ravel(), found.heads[1, 1][tiny_trace.grid.patches]
    )


def test_what_is_no_account_is_said(photo):
    trace = vitviz.trace(vitviz.load("test_vit3", pretrained=False), photo)
    (panel,) = vitviz.draw("ledger", trace).panels
    assert isinstance(panel.layers[0], Message)


def test_heads_are_measured_and_foretold(tiny_trace):
    drawing = vitviz.draw("head_importance", tiny_trace, target=3, replaced="mean")
    found = tiny_trace.source.head_importance(Target("class", index=3), "mean")
    points = drawing.panels[0].layers[0].curves[1]
    np.testing.assert_allclose(points.y, found.ablated.ravel(), rtol=1e-5)
    assert "Rank correlation" in drawing.caption


def test_a_view_is_drawn_again_when_the_target_changes(tiny_trace):
    old = Selection()
    new = Selection(target=Target("class", index=2))
    assert changed(tiny_trace, old, new) == {"target"}
    following = {name for name, view in views().items() if "target" in view.follows}
    assert following == {"why", "methods", "ledger", "head_importance"}


def test_the_same_question_is_asked_once(tiny_trace):
    query = AttributionQuery(Target("class", index=1)).plain()
    assert trust.attribution(tiny_trace, query) is trust.attribution(tiny_trace, query)


def test_the_trust_number_stands_beside_the_map_and_grows_sharper(tiny_trace):
    steps = find("why").sharper(tiny_trace, Selection(target=Target("class", index=7)))
    assert [step.get("maps") for step in steps] == [*range(11), None]
    target = {"target": 7}
    first = vitviz.draw("why", tiny_trace, **target, **steps[0])
    assert first.panels[0].facts[-2:] == (("deletion", "…"), ("insertion", "…"))
    one, many = (
        vitviz.draw("why", tiny_trace, **target, test="in short", maps=count) for count in (1, 4)
    )
    asked = AttributionQuery(Target("class", index=7)).plain()
    found = trust.attribution(tiny_trace, asked)
    number = trust.trust_number(tiny_trace, found, "mean", maps=4)
    said = [fact for fact in many.panels[0].facts if fact[0] in ("deletion", "4 random")]
    assert said[0] == ("deletion", shown_number(number.own.areas[0]))
    chance = number.chance_areas()[:, 1]
    error = chance.std(ddof=1) / 2
    assert said[2] == ("4 random", f"{shown_number(chance.mean())} ± {shown_number(error, 2)}")
    assert "±" not in dict(one.panels[0].facts)["1 random"]
    assert dict(one.panels[0].facts)["deletion"] == said[0][1]
    assert "random: mean of 4 random maps" in many.caption
    assert "random at removing what the target needs" in many.panels[0].title
    again = find("why").sharper(tiny_trace, Selection(target=Target("class", index=7)))
    assert again[0]["maps"] == 4, "what is known is shown at once"
    last = vitviz.draw("why", tiny_trace, **target, **steps[-1])
    assert "when weights are random" in last.caption
    assert find("why").sharper(tiny_trace, Selection(target=Target("class", index=7))) == (
        steps[-1],
    )


def test_a_file_is_not_put_to_a_test_that_nobody_asked_for(tiny_trace):
    drawing = vitviz.draw("why", tiny_trace, target=3)
    assert len(drawing.panels) == 1
    assert find("why").sharper(tiny_trace, Selection(), {"test": "not asked"}) == (
        {"test": "not asked"},
    )
    over = Selection(hover=Place(prefix="class"))
    assert find("why").sharper(tiny_trace, over, {"of": "the chosen token"}) == (
        {"of": "the chosen token"},
    ), "a map that follows the cursor is not tested"


def test_a_painted_mark_and_a_mask_say_how_the_map_lies_to_them(tiny_trace):
    grid, crop = tiny_trace.grid, tiny_trace.crop
    area = area_of([22, 23, 32, 33, 44], grid, crop)
    values = trust.attribution(tiny_trace, AttributionQuery().plain()).patches
    mask = np.zeros(crop.original, bool)
    for box in area.boxes:
        mask[round(box.top) : round(box.bottom), round(box.left) : round(box.right)] = True
    for said in (area, PictureArea.of_mask(mask)):
        drawing = vitviz.draw("why", tiny_trace, mark=said.text)
        fit = mark_fit(values, said.coverage(grid, crop))
        assert fit.words() in drawing.caption
        assert set(fit.facts()) <= set(drawing.panels[0].facts)
        lines = drawing.panels[0].layers[-1]
        assert isinstance(lines, Segments)
        assert len(lines.ends) == 12
