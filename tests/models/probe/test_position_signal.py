"""Where tokens lie, found out by asking the network itself: gradients, not what the families say.

Every attention result is cut off and made a leaf, so gradients pass only along the tokens' own ways
(residuals, norms, convolutions). Then the pixels that a value depends on are those of its token, and
the result that the next layer's value depends on is that of the query at the same place. What the
model's own attention is between the two must stand in the layer's map between these two tokens.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from timm.models.mvitv2 import MultiScaleVit, MultiScaleVitCfg
from timm.models.nextvit import NextViT
from timm.models.volo import VOLO
from torch.nn import functional

import vitviz
from vitviz.models.families import family_of
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.recorder import AttentionRecorder

S = {"input_size": 64}
SWIN = {**S, "embed_dim": 16, "depths": (2, 2), "num_heads": (1, 2), "window_size": 4}
CASES = {
    "swin_tiny_patch4_window7_224": SWIN,
    "swin_s3_tiny_224": {**SWIN, "input_size": (72, 56)},
    "swinv2_tiny_window8_256": SWIN,
    "swinv2_cr_tiny_224": SWIN,
    "samvit_base_patch16_224": {
        "input_size": 96,
        "embed_dim": 32,
        "depth": 3,
        "num_heads": 2,
        "window_size": 4,
        "global_attn_indexes": (1,),
    },
    "sam2_hiera_tiny": {
        "size": (96, 96),
        "embed_dim": 16,
        "stages": (2, 2, 2, 1),
        "window_spec": (8, 4, 8, 4),
        "global_att_blocks": (5,),
        "global_pos_size": (6, 6),
    },
    "hiera_tiny_224": {**S, "embed_dim": 16, "stages": (2, 2, 2, 1)},
    "tiny_vit_5m_224": {
        "embed_dims": (16, 16, 32, 32),
        "depths": (1, 2, 2, 1),
        "num_heads": (1, 2, 2, 2),
        "window_sizes": (4, 4, 4, 4),
        "size": (96, 96),
    },
    "nest_tiny": S,
    "twins_svt_small": {
        **S,
        "embed_dims": (16, 16, 32, 32),
        "depths": (2, 2, 2, 2),
        "wss": (4, 4, 4, 4),
        "num_heads": (1, 2, 2, 2),
    },
    "gcvit_xxtiny": S,
    "davit_tiny": {
        "size": (64, 64),
        "embed_dims": (16, 16, 32, 32),
        "depths": (2, 2, 2, 1),
        "num_heads": (1, 2, 2, 2),
        "window_size": 3,
    },
    "test_maxvit": {},
    "mobilevit_xxs": {"size": (64, 64)},
    "crossvit_tiny_240": {"depth": ((1, 2, 0), (1, 2, 0))},
    "pit_ti_224": {"input_size": 96},
    "levit_128s": {"embed_dim": (16, 32, 32), "depth": (2, 2, 2), "num_heads": (1, 2, 2)},
    "pvt_v2_b0": {"size": (96, 64)},
    "convit_tiny": {"depth": 3, "embed_dim": 32, "num_heads": 2, "input_size": 64},
    "visformer_tiny": {"input_size": 64},
    "vit_base_patch16_siglip_224": {**S, "embed_dim": 32, "depth": 3, "num_heads": 2},
    "sehalonet33ts": {"size": (256, 512)},
    "haloregnetz_b": {"size": (224, 448)},
    "botnet26t_256": {},
    "caformer_s18": {"size": (64, 96)},
    "cpubone_nano": {},
    "csatv2": {"size": (256, 256)},
    "efficientformerv2_s0": {},
    "fastvit_sa12": {"size": (128, 128)},
    "iformer_s": {},
    "lowformer_b0": {"size": (128, 128)},
    "mobilenetv4_hybrid_medium_075": {"size": (128, 128)},
    "shvit_s1": {},
    "test_coatnet": {},
    "vitamin_small_224": {"input_size": 64},
    "efficientvit_m0": {"input_size": 128, "window_size": (3, 3, 3)},
}
BUILT = {
    "mvitv2": lambda: MultiScaleVit(
        MultiScaleVitCfg(embed_dim=16, depths=(1, 2, 2, 1)), img_size=(64, 64)
    )
}
"""Networks whose names leave no room for smaller ones."""

SIZES = {"mvitv2": (64, 64)}
HEADS_BEFORE_WINDOWS = ("hiera", "nest_")
HEADS_FIRST = ("halo", "sehalo")
ONE_HEAD = ("shvit_s1",)
"""Batch and heads in one axis, before that of the windows."""


@dataclass
class Seen:
    """One attention product: what the recorder saw, the values with their history, the cut result."""

    call: AttentionCall
    query: torch.Tensor | None
    values: torch.Tensor
    result: torch.Tensor


class Cutting(AttentionRecorder):
    """A recorder that hands back every attention result without its history."""

    def __init__(self):
        super().__init__(1, True, lambda *it: None)
        self.seen: list[Seen] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        before = len(self.calls)
        result = super().__torch_function__(func, types, args, kwargs)
        if len(self.calls) == before or self.calls[-1].kind == "lost":
            return result
        call = self.calls[-1]
        fused = call.kind == "fused"
        query, values = (args[0], args[2]) if fused else (None, call.values)
        turned = result.shape[-2] != call.shape[-2]
        leaf = (result.mT if turned else result).detach().requires_grad_()
        self.seen.append(Seen(call, query, values, leaf))
        return leaf.mT if turned else leaf


def run(name, arguments, photo):
    torch.manual_seed(3)
    size = arguments.get("size")
    kept = {key: value for key, value in arguments.items() if key != "size"}
    model = vitviz.load("test_vit" if name in BUILT else name, pretrained=False, **kept)
    if name in BUILT:
        module = BUILT[name]().eval().requires_grad_(False)
        model = replace(model, module=module, family=family_of(module)[1])
        size = SIZES[name]
    if size is not None:  # networks of convolutions take any
        model = replace(model, preprocess=replace(model.preprocess, size=size))
    torch.manual_seed(4)
    for parameter in model.module.parameters():
        parameter.add_(torch.randn_like(parameter) * 0.05)
    keep_to_cells(model.module)
    trace = vitviz.trace(model, photo)
    want = model.preprocess
    pixels = (trace.pixels.astype(np.float32) / 255 - want.mean) / want.std
    given = torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32)).requires_grad_()
    cutting = Cutting()
    with cutting.following(model.module), cutting:
        model.module(given)
    return model, trace, given, cutting.seen


def keep_to_cells(module):
    """Convolutions that read no pixel outside of their own cell, so that every token has one place."""
    for part in module.modules():
        if isinstance(part, torch.nn.Conv2d) and max(part.kernel_size) > 1:
            for axis, (size, step) in enumerate(zip(part.kernel_size, part.stride, strict=True)):
                inside = range(size) if size <= step else (size // 2,)
                outside = [tap for tap in range(size) if tap not in inside]
                part.weight.index_fill_(2 + axis, torch.tensor(outside, dtype=torch.long), 0)
        if isinstance(part, torch.nn.BatchNorm2d):
            # In evaluation torch 2.15's CPU gradient of it goes to other places where the gradient
            # that it is given has the layout of a sequence; forward it is right.
            part.register_forward_hook(contiguous_gradient)
        if isinstance(part, torch.nn.MaxPool2d | torch.nn.AvgPool2d):
            part.kernel_size, part.padding = part.stride, 0


def contiguous_gradient(part, given, output):
    if output.requires_grad:
        output.register_hook(lambda gradient: gradient.contiguous())


def apart(tensor, name, heads):
    """Axes (window head slot dim), whatever the model's order."""
    if name.startswith("efficientvit"):
        return tensor[:, None]
    if name.startswith(HEADS_FIRST):
        return tensor.transpose(0, 1)
    if name.startswith("samvit"):
        return tensor.unflatten(0, (-1, heads))
    if tensor.ndim == 3:
        return tensor[:, None] if name in ONE_HEAD else tensor[None]
    if tensor.ndim == 5:
        tensor = tensor[0]
        return tensor.transpose(0, 1) if name.startswith(HEADS_BEFORE_WINDOWS) else tensor
    return tensor


def own_map(call):
    """The call's attention (... head query key), computed the plain way."""
    if call.maps is not None:
        return call.maps.detach()
    logits = call.query.float() @ call.key.float().mT * call.scale
    return torch.softmax(logits if call.bias is None else logits + call.bias, -1).detach()


def place_of(gradient, grid):
    """The cell of the grid that the gradient of pixels is strongest in; None at the border."""
    power = gradient[0].square().sum(0)
    rows, cols = power.shape
    cells = torch.zeros(grid.rows, grid.cols)
    down = (torch.arange(rows) * grid.rows // rows)[:, None].expand(rows, cols)
    across = (torch.arange(cols) * grid.cols // cols)[None].expand(rows, cols)
    cells.index_put_((down, across), power, accumulate=True)
    row, col = divmod(int(cells.argmax()), grid.cols)
    return grid.token(row, col)


def strongest(gradient, name, heads):
    """(window, slot) of the result that a gradient is strongest in."""
    power = apart(gradient, name, heads).square().sum((1, 3))
    return divmod(int(power.argmax()), power.shape[1])


@pytest.mark.parametrize("name", [*CASES, *BUILT])
def test_maps_stand_between_the_tokens_that_the_network_itself_names(name, photo):
    _, trace, given, seen = run(name, CASES.get(name, {}), photo)
    assert trace.refused == ()
    layers = iter(trace.layers)
    found = {}
    for each in seen:  # heads that are computed one by one make one layer
        if each.call.name not in found and each.call.name in {one.name for one in trace.layers}:
            found[each.call.name] = (next(layers), each)
    pairs = list(found.values())
    assert [layer.name for layer, _ in pairs] == [layer.name for layer in trace.layers]
    rng = np.random.default_rng(0)
    compared = 0
    for (layer, one), (after, other) in zip(pairs, [*pairs[1:], (None, None)], strict=True):
        heads = layer.attention.heads
        values, maps = apart(one.values, name, heads), apart(own_map(one.call), name, heads)
        for _ in range(3):
            asking = asked(layer, one, after, other, given, name, rng)
            if asking is None:
                continue
            window, slot, query = asking
            for key, column in some_keys(values[window], given, layer.keys, rng):
                np.testing.assert_allclose(
                    layer.attention.rows(query)[: maps.shape[1], column],
                    maps[window, :, slot, key].numpy(),
                    atol=1e-5,
                    err_msg=f"{layer.name}: {query} to {column}",
                )
                compared += 1
    assert compared >= max(6, len(pairs))


def some_keys(values, given, grid, rng):
    """(slot, token) of two keys of a window, passing over padding."""
    slots = rng.permutation(values.shape[1])[:8]
    places = ((slot, traced(values[:, slot], given, grid)) for slot in slots)
    return itertools.islice((each for each in places if each[1] is not None), 2)


def asked(layer, one, after, other, given, name, rng):
    """(window, slot, token) of a query: by its own way from the pixels, where it is at hand, else by
    what of the next layer depends on its result; None where it is padding or the next layer coarser."""
    heads = layer.attention.heads
    if one.query is not None:
        query = apart(one.query, name, heads)
        window, slot = int(rng.integers(query.shape[0])), int(rng.integers(query.shape[2]))
        token = traced(query[window, :, slot], given, layer.grid)
        return None if token is None else (window, slot, token)
    if after is None or layer.grid != after.keys:
        return None
    following = apart(other.values, name, after.attention.heads)
    there = following[rng.integers(following.shape[0]), :, rng.integers(following.shape[2])]
    token = traced(there, given, after.keys)
    (gradient,) = torch.autograd.grad(there.square().sum(), one.result, retain_graph=True)
    return None if token is None else (*strongest(gradient, name, heads), token)


def traced(tensor, given, grid):
    """The token whose pixels a piece of the network depends on; None where it depends on none."""
    noise = torch.randn(tensor.shape)
    (pixels,) = torch.autograd.grad(
        (tensor * noise).sum(), given, retain_graph=True, allow_unused=True
    )
    return None if pixels is None or float(pixels.abs().max()) == 0 else place_of(pixels, grid)


def test_neighbourhoods_that_overlap_are_added_as_the_network_adds_them(photo):
    module = VOLO(
        layers=(1, 1, 1, 1),
        img_size=64,
        embed_dims=(24,) * 4,
        num_heads=(2,) * 4,
        outlook_attention=(True, False, False, False),
        num_classes=5,
    )
    trace = traced_by(module, (64, 64), photo)
    layer, own = trace.layers[0], module.network[0][0].attn
    maps = layer.attention._maps  # (window head query key), as softmax gave them
    one = torch.eye(64).reshape(64, 1, 8, 8)  # every token's content by itself
    parts = functional.unfold(one, own.kernel_size, padding=own.padding, stride=own.stride)
    parts = parts.reshape(64, 9, -1).permute(2, 1, 0)[:, None]  # (window 1 key token)
    mixed = (maps @ parts).permute(1, 3, 2, 0).flatten(0, 1)  # ((head token) query window)
    added = functional.fold(mixed, (8, 8), own.kernel_size, padding=own.padding, stride=own.stride)
    expected = added.reshape(2, 64, 64).transpose(1, 2).numpy()  # (head query key)
    for query in (0, 9, 63):
        np.testing.assert_allclose(layer.attention.rows(query), expected[:, query], atol=1e-5)
        columns = layer.attention.columns(query)
        np.testing.assert_allclose(columns, expected[:, :, query], atol=1e-5)
    np.testing.assert_allclose(layer.attention.matrix(1), expected[1], atol=1e-5)
    weight = np.random.default_rng(0).random((2, 64)).astype(np.float32)
    moved = np.einsum("hq,hqk->hk", weight, expected)
    np.testing.assert_allclose(layer.attention.flow(weight), moved, atol=1e-4)
    assert {layer.name.split(".")[0] for layer in trace.pools} == {"post_network"}


def test_keys_averaged_over_runs_are_given_back_to_their_tokens(photo):
    module = NextViT(3, stem_chs=(8, 8, 16), depths=(1, 2, 5, 2))
    for name, parameter in module.named_parameters():
        if name.endswith(("mhsa.q.weight", "mhsa.k.weight")):
            torch.nn.init.normal_(parameter, std=1e5)
    trace = traced_by(module, (128, 64), photo)
    layer = trace.layers[0]
    own = module.get_submodule(layer.name)
    tokens = layer.grid.tokens
    averages = own.sr(torch.eye(tokens)[None])[0].mT  # (key token)
    maps = layer.attention.inner.tile(slice(None), slice(None))
    assert maps.shape[2] == len(averages) < tokens
    expected = (maps @ averages).numpy()
    assert expected.std() > 1e-3 * expected.mean()
    np.testing.assert_allclose(layer.attention.rows(5), expected[:, 5], atol=1e-6)
    np.testing.assert_allclose(layer.attention.columns(tokens - 1), expected[:, :, -1], atol=1e-6)
    np.testing.assert_allclose(layer.attention.matrix(2), expected[2], atol=1e-6)


def traced_by(module, size, photo):
    torch.manual_seed(0)
    model = vitviz.load("test_vit", pretrained=False)
    module.eval().requires_grad_(False)
    preprocess = replace(model.preprocess, size=size)
    known = family_of(module)[1]
    return vitviz.trace(replace(model, module=module, family=known, preprocess=preprocess), photo)
