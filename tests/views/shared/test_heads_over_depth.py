"""Field, distance and entropy: the numbers drawn are those computed plainly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reference import Maps, make_trace

import vitviz
from vitviz.core.data.drawing import Heat, Outlines, aim
from vitviz.core.data.plots import Plot
from vitviz.core.progress import Unsupported
from vitviz.views import find


def plot_of(panel):
    (plot,) = panel.layers
    assert isinstance(plot, Plot)
    return plot


def curve(plot, name):
    return next(each for each in plot.curves if each.name == name)


def heads_of(trace, **options):
    """(layer head) of the distances that are drawn."""
    plot = plot_of(vitviz.draw("distance", trace, **options).panels[0])
    return curve(plot, "a head").y.reshape(len(trace.layers), -1)


def test_every_head_is_a_point_that_a_click_chooses():
    trace = make_trace(depth=3, heads=2)
    panel = vitviz.draw("distance", trace, layer=1).panels[0]
    plot = plot_of(panel)
    points = curve(plot, "a head")
    assert len(points.x) == 6
    across, up = plot.x.at(points.x[3]), plot.y.at(points.y[3])
    extent = panel.extent
    found = aim(panel, extent.height * (1 - up), extent.width * across)
    assert (found.layer, found.head) == (1, 1)
    assert found.value == points.y[3]


def test_many_pictures_are_their_mean():
    traces = [
        replace(
            make_trace(seed=seed), picture=replace(make_trace(seed=seed).picture, key=str(seed))
        )
        for seed in range(3)
    ]
    alone = [heads_of(each) for each in traces]
    together = heads_of(traces[0], more=traces[1:], over="all open pictures")
    np.testing.assert_allclose(together, np.mean(alone, axis=0), rtol=1e-6)
    assert np.abs(together - alone[0]).max() > 0
    drawing = vitviz.draw("distance", traces[0], more=traces, over="all open pictures")
    assert "Mean over 3 pictures." in drawing.caption
    np.testing.assert_array_equal(heads_of(traces[0], more=traces[1:]), alone[0])


def test_pictures_through_another_model_are_left_out():
    trace = make_trace()
    other = make_trace(seed=4)
    other = replace(
        other, model=replace(other.model, name="else"), picture=replace(other.picture, key="k")
    )
    drawing = vitviz.draw("distance", trace, more=[other], over="all open pictures")
    assert "no other is open, or read yet" in drawing.caption


def test_the_line_of_convolutions_grows_by_a_cell():
    plot = plot_of(vitviz.draw("distance", make_trace(), convolutions="pixels").panels[0])
    line = next(each for each in plot.curves if "convolutions" in each.name)
    np.testing.assert_allclose(line.y, [1.5, 2.5, 3.5])


def test_relative_entropy_is_at_most_one(tiny_trace):
    plot = plot_of(vitviz.draw("entropy", tiny_trace).panels[0])
    values = curve(plot, "a head").y
    assert ((values > 0) & (values <= 1 + 1e-6)).all()


def test_it_draws_the_field_and_the_mass_within():
    trace = make_trace(rows=6, cols=6)
    drawing = vitviz.draw("field", trace, token=(3, 3), layer=1, head=0, count=3, cells="patches")
    picture, curves = drawing.panels
    firm = next(
        each for each in picture.layers if isinstance(each, Outlines) and each.role == "seen"
    )
    (box,) = firm.boxes
    middle = trace.grid.box(trace.grid.token(3, 3)).centre
    assert (box.top, box.left) == (max(middle.row - 28, 0), max(middle.col - 28, 0))
    assert dict(picture.facts)["outer box"] == "7 × 7 patches"
    line = curve(plot_of(curves), "layer 2")
    row = trace.layers[1].attention.rows(trace.grid.token(3, 3))[0][1:]
    apart = np.hypot(*[(each - 3) * 8 for each in np.mgrid[0:6, 0:6]]).ravel()
    plain = [row[apart <= radius + 1e-9].sum() / row.sum() for radius in line.x]
    np.testing.assert_allclose(line.y, plain, atol=1e-5)


def test_from_a_token_without_a_place_the_middle_is_shown():
    trace = make_trace(rows=5, cols=5)
    from_class = vitviz.draw("field", trace, token="class")
    assert from_class.title == "What token (2, 2) can see"
    middle = vitviz.draw("field", trace, token=(2, 2))
    one, other = (each.panels[0].layers for each in (from_class, middle))
    values = [
        next(layer.values for layer in each if isinstance(layer, Heat)) for each in (one, other)
    ]
    np.testing.assert_array_equal(*values)


@pytest.mark.parametrize("name", ["field", "distance", "entropy"])
@pytest.mark.parametrize(
    "kind", [{}, {"prefix": ()}, {"rows": 1, "cols": 1}, {"heads": 1, "depth": 1}]
)
def test_any_small_trace_is_drawn(name, kind):
    trace = make_trace(**kind)
    for token in (0, trace.grid.tokens - 1):
        assert vitviz.draw(name, trace, token=token).panels


@pytest.fixture(scope="module")
def between_channels(photo):
    model = vitviz.load("xcit_nano_12_p16_224", pretrained=False, depth=1, img_size=64)
    return vitviz.trace(model, photo)


@pytest.mark.parametrize("name", ["field", "distance", "entropy", "block", "whatif"])
def test_attention_that_lies_on_no_picture_is_said(between_channels, name):
    assert not between_channels.layers
    assert "no attention among the patches" in find(name).applies(between_channels)
    assert find(name).applies(make_trace()) == ""


def test_lengths_need_no_attention(between_channels):
    assert vitviz.draw("norms", between_channels).panels
    with pytest.raises(vitviz.VitvizError, match="which block adds what"):
        vitviz.draw("norms", between_channels, of="added by attention")


@pytest.fixture(scope="module")
def mixed(photo):
    model = vitviz.load("cait_xxs24_224", pretrained=False, depth=2, img_size=64)
    return vitviz.trace(model, photo)


def test_where_heads_are_mixed_the_softmax_before_is_measured(mixed):
    assert all(layer.before is not None for layer in mixed.layers)
    drawn = curve(plot_of(vitviz.draw("entropy", mixed, relative=False).panels[0]), "a head").y
    plain = []
    for layer in mixed.layers:
        for head in range(layer.before.heads):
            rows = layer.before.matrix(head).astype(np.float64)
            np.testing.assert_allclose(rows.sum(1), 1, atol=1e-5)
            plain.append(-(rows * np.log(rows)).sum(1).mean())
    np.testing.assert_allclose(drawn, plain, rtol=1e-5)
    for view in ("entropy", "distance", "field"):
        assert "before the model mixes its heads" in vitviz.draw(view, mixed).caption
    steps, row = vitviz.draw("block", mixed, token=(0, 0)).panels
    assert ("sum", "1.0000") in zip(
        row.layers[0].rows[-1], row.layers[0].rows[-1][1:], strict=False
    )
    assert {"softmax", "heads mixed"} <= {line[0] for line in steps.layers[0].rows}


def test_a_difference_of_two_softmaxes_is_no_share():
    trace = make_trace(depth=2, heads=2)
    layers = [
        replace(layer, attention=Maps(layer.attention.maps - 2 * layer.attention.maps.mean()))
        for layer in trace.layers
    ]
    signed = replace(trace, layers=tuple(layers))
    for view in ("entropy", "distance"):
        with pytest.raises(Unsupported, match="below zero in every head"):
            vitviz.draw(view, signed)
    picture, curves = vitviz.draw("field", signed).panels
    assert "below zero" in picture.title
    assert not any(one.tone == "chosen" for one in plot_of(curves).curves)
