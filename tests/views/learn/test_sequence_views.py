"""Class token, z₀, one head's row and the block: what is drawn are the model's own numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vitviz
from vitviz.core.data.drawing import Heat, Message, aim
from vitviz.core.data.drawing.diagram import Diagram
from vitviz.core.data.plots import Table
from vitviz.core.progress import Unsupported
from vitviz.models.loading.preprocess import normalised
from vitviz.views import find


def of(panel, kind):
    return [layer for layer in panel.layers if isinstance(layer, kind)]


def said(panel):
    return " ".join(
        f"{box.text} {box.note}" for diagram in of(panel, Diagram) for box in diagram.boxes
    )


def test_the_class_token_is_repeated_and_put_in_front(tiny_model, tiny_trace):
    drawing = vitviz.draw("class_token", tiny_trace, token=(2, 3), batch=4)
    panel = drawing.panels[0]
    own, *copies, patches, front, body = [layer.values for layer in of(panel, Heat)]
    learned = tiny_model.module.cls_token.detach()[0].numpy()
    assert len(copies) == 4
    for each in (own, *copies, front):
        np.testing.assert_array_equal(each, learned)
    np.testing.assert_array_equal(patches, tiny_trace.source.sequence().patches)
    np.testing.assert_array_equal(body, patches)
    assert panel.title == "100 + 1 = 101 tokens of 64 numbers"
    assert "b=4" in said(panel)
    token = tiny_trace.grid.token(2, 3)
    for line in panel.space.lines(token):
        assert aim(panel, line.centre.row, line.centre.col).token == token
    assert len(panel.space.lines(token)) == 2
    assert len(panel.space.lines(0)) == 1


def test_a_model_without_class_token_says_so(photo):
    model = vitviz.load("test_vit", pretrained=False, class_token=False, global_pool="avg")
    trace = vitviz.trace(model, photo)
    assert "no class token" in find("class_token").applies(trace)
    with pytest.raises(Unsupported, match="answers from the patches"):
        vitviz.draw("class_token", trace)
    assert find("z0").applies(trace) == ""
    assert "[x_p E] + E_pos" in vitviz.draw("z0", trace).title


def test_z0_is_the_sum_that_the_first_block_reads(tiny_model, tiny_trace):
    drawing = vitviz.draw("z0", tiny_trace, token=(2, 3), numbers=5)
    joined, positions, total, _ = drawing.rows[0]
    one, two, three = (of(panel, Heat)[0].values for panel in (joined, positions, total))
    found = []
    hook = tiny_model.module.blocks[0].register_forward_pre_hook(
        lambda _module, given: found.append(given[0])
    )
    with torch.no_grad():
        tiny_model.module(normalised(tiny_trace.pixels, tiny_model.preprocess))
    hook.remove()
    np.testing.assert_allclose(three, found[0][0].numpy(), atol=1e-6)
    np.testing.assert_allclose(one + two, three, atol=1e-5)
    table = of(drawing.rows[1][0], Table)[0]
    token = tiny_trace.grid.token(2, 3)
    for row, values in zip(table.rows, (one, two, three), strict=True):
        shown = [float(text.replace("−", "-")) for text in row[1:]]
        np.testing.assert_allclose(shown, values[token, :5], atol=5.1e-4)


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("test_vit4", {"pos_embed": "none"}, "adds no table"),
        ("vit_small_patch16_dinov3", {"depth": 1, "embed_dim": 96, "img_size": 64}, "rotary"),
    ],
)
def test_without_added_positions_there_is_no_sum(name, arguments, why, photo):
    trace = vitviz.trace(vitviz.load(name, pretrained=False, **arguments), photo)
    assert why in find("z0").applies(trace)
    with pytest.raises(Unsupported, match=why):
        vitviz.draw("z0", trace)


def test_one_heads_row_is_what_the_projection_reads(tiny_model, tiny_trace):
    layer, head, token = 3, 1, tiny_trace.grid.token(4, 5)
    drawing = vitviz.draw("head_row", tiny_trace, token=(4, 5), layer=layer, head=head, keys=6)
    panel, scores, shares = drawing.panels
    query, answer, *strips = [layer.values[0] for layer in of(panel, Heat)]
    attention = tiny_model.module.blocks[layer].attn
    found = []
    hook = attention.proj.register_forward_pre_hook(lambda _m, given: found.append(given[0]))
    with torch.no_grad():
        tiny_model.module(normalised(tiny_trace.pixels, tiny_model.preprocess))
    hook.remove()
    width = len(query)
    own = found[0][0, token, head * width : (head + 1) * width].numpy()
    np.testing.assert_allclose(answer, own, atol=1e-5)
    weights = tiny_trace.layers[layer].attention.rows(token)[head]
    order = np.argsort(-weights, kind="stable")[:6]
    assert panel.space.parts[0].tokens == tuple(order)
    keys, weighted, others = strips[0:12:2], strips[1:12:2], strips[12]
    logits = np.array([query @ key for key in keys]) * attention.scale
    np.testing.assert_allclose(
        np.exp(logits - logits[0]), weights[order] / weights[order[0]], rtol=1e-3
    )
    np.testing.assert_allclose(np.sum(weighted, axis=0) + others, own, atol=1e-5)
    patches = tiny_trace.grid.patches
    np.testing.assert_allclose(of(shares, Heat)[0].values.ravel(), weights[patches], atol=1e-6)
    raised = np.exp(of(scores, Heat)[0].values.ravel())
    np.testing.assert_allclose(
        raised / raised.sum(), weights[patches] / weights[patches].sum(), atol=1e-6
    )
    words = said(panel)
    assert f"{weights[order[0]]:.3f}" in words
    assert f"the other {len(weights) - 6} together" in words


def test_a_bias_is_part_of_the_scores(photo):
    model = vitviz.load(
        "beit_base_patch16_224", pretrained=False, depth=1, embed_dim=48, num_heads=2, img_size=64
    )
    torch.nn.init.normal_(model.module.blocks[0].attn.relative_position_bias_table)
    trace = vitviz.trace(model, photo)
    drawing = vitviz.draw("head_row", trace, token=(1, 2), layer=0, head=1)
    own = trace.layers[0].attention.rows(trace.grid.token(1, 2))[1]
    shown = of(drawing.panels[2], Heat)[0].values.ravel()
    np.testing.assert_allclose(shown, own[trace.grid.patches], atol=1e-5)
    assert "+ bias" in said(drawing.panels[0])


def test_windows_have_no_row_of_all_tokens(photo):
    model = vitviz.load("swin_tiny_patch4_window7_224", pretrained=False)
    drawing = vitviz.draw("head_row", vitviz.trace(model, photo), layer=0)
    assert "not told apart" in of(drawing.panels[0], Message)[0].text


def test_the_block_has_the_lengths_and_one_step_lit(tiny_trace):
    drawing = vitviz.draw("block_diagram", tiny_trace, token=(4, 5), layer=2, step="attention")
    diagram = of(drawing.panels[0], Diagram)[0]
    lit = [box for box in diagram.boxes if box.tone == "chosen"]
    assert [box.text for box in lit] == ["attention"]
    assert lit[0].note == "2 heads: 101 × 101"
    assert "× 6" in said(drawing.panels[0])
    found = tiny_trace.source.block(2)
    token = tiny_trace.grid.token(4, 5)
    table = of(drawing.panels[1], Table)[0]
    shown = [float(row[1]) for row in table.rows]
    real = [each[token] for each in (found.before, found.attention, found.mlp, found.after)]
    np.testing.assert_allclose(shown, real, atol=5.1e-4)
    assert table.rows[table.chosen][0] == "+ attention"


def test_a_block_of_another_kind_is_refused(photo):
    model = vitviz.load("swinv2_cr_tiny_224", pretrained=False, depths=(1, 1, 1, 1))
    drawing = vitviz.draw("block_diagram", vitviz.trace(model, photo), layer=0)
    assert isinstance(drawing.panels[0].layers[0], Message)


@pytest.mark.parametrize("view", ["class_token", "z0", "head_row", "block_diagram"])
def test_they_are_printed(view, tiny_trace, tmp_path):
    for suffix in ("png", "pdf"):
        file = tmp_path / f"{view}.{suffix}"
        vitviz.save(vitviz.draw(view, tiny_trace, token=(4, 5)), file)
        assert file.stat().st_size > 10_000
