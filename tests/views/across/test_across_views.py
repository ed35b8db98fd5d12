"""Views across pictures: the numbers are numpy's of the model's own vectors, and a probe says so."""

from __future__ import annotations

import numpy as np
import pytest

import vitviz
from vitviz.core.data.drawing import Heat, Outlines, Segments
from vitviz.core.measures.nearest import mutual_nearest
from vitviz.core.progress import Unsupported


@pytest.fixture(scope="module")
def others(tiny_model, photo) -> list:
    turned = [photo[::-1], photo[:, ::-1], np.roll(photo, 40, axis=1)]
    return [vitviz.trace(tiny_model, np.ascontiguousarray(each)) for each in turned]


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def layer_of(panel, kind):
    return next(each for each in panel.layers if isinstance(each, kind))


def test_where_compares_one_token_with_every_patch_of_every_picture(tiny_trace, others) -> None:
    drawing = vitviz.draw("where", tiny_trace, token=(4, 5), layer=3, more=others, most=2)
    query = unit(tiny_trace.source.features()[3])[46]
    here = unit(tiny_trace.source.features()[3])[1:] @ query
    heat = layer_of(drawing.panels[0], Heat)
    np.testing.assert_allclose(heat.values.ravel(), here, atol=1e-4)
    scores = [float((unit(each.source.features()[3])[1:] @ query).max()) for each in others]
    best = sorted(range(3), key=lambda at: -scores[at])[:2]
    assert len(drawing.panels) == 3
    for panel, at in zip(drawing.panels[1:], best, strict=True):
        assert dict(panel.facts)["best"] == f"{scores[at]:.3f}"
        alike = unit(others[at].source.features()[3])[1:] @ query
        token = int(alike.argmax()) + 1
        assert layer_of(panel, Outlines).boxes == (others[at].grid.box(token),)
        assert panel.space is None
    assert "among 4 pictures" in drawing.caption
    alone = vitviz.draw("where", tiny_trace, more=others, over="this picture")
    assert len(alone.panels) == 1


def test_where_compares_keys_as_the_attention_meets_them(tiny_trace) -> None:
    drawing = vitviz.draw("where", tiny_trace, token=(0, 0), layer=2, of="keys")
    attention = tiny_trace.layers[2].attention
    keys = attention.key.numpy().transpose(1, 0, 2).reshape(101, -1)
    expected = unit(keys)[1:] @ unit(keys)[1]
    values = layer_of(drawing.panels[0], Heat).values
    np.testing.assert_allclose(values.ravel(), expected, atol=1e-4)


def test_pairs_are_those_in_which_each_is_the_others_nearest() -> None:
    random = np.random.default_rng(3)
    one, other = (unit(random.normal(size=(size, 6))).astype(np.float32) for size in (30, 20))
    found = mutual_nearest(one, other)
    alike = one @ other.T
    expected = {
        (i, j)
        for i in range(30)
        for j in range(20)
        if alike[i].argmax() == j and alike[:, j].argmax() == i
    }
    assert set(zip(found.one.tolist(), found.other.tolist(), strict=True)) == expected
    assert list(found.alike) == sorted(found.alike, reverse=True)
    np.testing.assert_allclose(found.alike, alike[found.one, found.other])


def test_a_picture_matches_itself_patch_by_patch(tiny_model, tiny_trace, photo, tmp_path) -> None:
    twin = vitviz.trace(tiny_model, photo)
    drawing = vitviz.draw(
        "matching", tiny_trace, token=(2, 3), layer=1, against=twin, share=1.0, least=-1.0
    )
    panel = drawing.panels[0]
    lines = layer_of(panel, Segments)
    assert len(lines.ends) == 100
    width = tiny_trace.crop.frame.width * 1.04
    for one, other in lines.ends:
        assert (other.row, other.col) == pytest.approx((one.row, one.col + width))
    assert dict(panel.facts)["chosen pair"] == "1.000"
    few = vitviz.draw("matching", tiny_trace, layer=1, against=twin, share=0.1)
    assert len(layer_of(few.panels[0], Segments).ends) == 10
    assert vitviz.save(drawing, tmp_path / "pairs.png").stat().st_size > 1000


def test_the_probe_of_the_own_picture_is_its_attention(tiny_model, tiny_trace, photo) -> None:
    twin = vitviz.trace(tiny_model, photo)
    drawing = vitviz.draw("cross", tiny_trace, token=(3, 3), layer=4, head=1, against=twin)
    there = layer_of(drawing.panels[1], Heat).values
    expected = tiny_trace.layers[4].attention.rows(34)[1][1:]
    np.testing.assert_allclose(there.ravel(), expected, atol=1e-5)
    assert drawing.title.startswith("Probe:")
    assert "the model never computes this" in drawing.caption
    assert drawing.known == "Numbers of a probe: compared with nothing that the model puts out."
    mean = vitviz.draw("cross", tiny_trace, token=(3, 3), layer=4, against=twin, here_too=False)
    assert len(mean.panels) == 1
    expected = tiny_trace.layers[4].attention.rows(34).mean(0)[1:]
    np.testing.assert_allclose(layer_of(mean.panels[0], Heat).values.ravel(), expected, atol=1e-5)


def test_what_has_no_space_in_common_is_refused(tiny_trace, photo) -> None:
    other = vitviz.load("vit_tiny_patch16_224", pretrained=False, img_size=160, depth=3)
    trace = vitviz.trace(other, photo)
    for view in ("matching", "cross"):
        with pytest.raises(Unsupported, match="not in one space"):
            vitviz.draw(view, tiny_trace, against=trace)
    sizes = {"img_size": 64, "embed_dim": 32, "depth": 2, "num_heads": 2}
    beit = vitviz.load("beit_base_patch16_224", pretrained=False, **sizes)
    one = vitviz.trace(beit, photo)
    with pytest.raises(Unsupported, match="adds a bias by place"):
        vitviz.draw("cross", one, against=vitviz.trace(beit, photo[::-1].copy()))
    sizes = {
        "img_size": 64,
        "depths": (2, 2),
        "embed_dim": 24,
        "num_heads": (2, 4),
        "window_size": 4,
    }
    swin = vitviz.load("swin_tiny_patch4_window7_224", pretrained=False, **sizes)
    with pytest.raises(Unsupported, match="compare tokens instead"):
        vitviz.draw("where", vitviz.trace(swin, photo), layer=0, of="keys")
