"""Attention is seen however it is written, and its maps are those that the formula gives in float64."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from einops import rearrange
from torch import nn
from torch.nn import functional

from vitviz.models.record.recorder import record
from vitviz.models.record.verify import tolerance

TOKENS, HEADS, DIM = 9, 2, 8


def split(x):
    return rearrange(
        x, "group token (three head dim) -> three group head token dim", three=3, head=HEADS
    )


def matmul(q, k, v):
    return torch.matmul(functional.softmax(torch.matmul(q, k.transpose(-2, -1)) * S, dim=-1), v)


def at(q, k, v):
    return ((q * S) @ k.mT).softmax(-1) @ v


def module_softmax(q, k, v):
    return nn.Softmax(dim=-1)(q @ k.mT / math.sqrt(DIM)) @ v


def dropped(q, k, v):
    return functional.dropout(torch.softmax(q @ k.mT * S, -1), 0.3, training=False) @ v


def bmm(q, k, v):
    q, k, v = (each.flatten(0, 1) for each in (q, k, v))
    return torch.bmm((torch.bmm(q, k.mT) * S).softmax(-1), v).unflatten(0, (-1, HEADS))


def einsum(q, k, v):
    maps = (torch.einsum("bhid,bhjd->bhij", q, k) * S).softmax(dim=-1)
    return torch.einsum("b h i j, b h j d -> b h i d", maps, v)


def einsum_dots(q, k, v):
    return torch.einsum("...ij,...jd->...id", (q @ k.mT * S).softmax(dim=-1), v)


def einsum_values_first(q, k, v):
    return torch.einsum("bhjd,bhij->bhid", v, (q @ k.mT * S).softmax(dim=-1))


def einsum_heads_last(q, k, v):
    q, k, v = (rearrange(each, "b h t d -> b t h d") for each in (q, k, v))
    maps = torch.softmax(torch.einsum("bqhd,bkhd->bqkh", q, k) * S, dim=2)
    return rearrange(torch.einsum("bqkh,bkhd->bqhd", maps, v), "b t h d -> b h t d")


def transposed(q, k, v):
    return (v.mT @ (q @ k.mT * S).softmax(-1).mT).mT


def baddbmm(q, k, v):
    q, k, v = (each.flatten(0, 1) for each in (q, k, v))
    nothing = torch.zeros(1, 1, 1)
    scores = torch.baddbmm(nothing, q, k.mT, beta=0, alpha=S)
    added = torch.baddbmm(v, scores.softmax(-1), v)
    return (added - v).unflatten(0, (-1, HEADS))


def in_float(q, k, v):
    return (q @ k.mT * S).softmax(-1, dtype=torch.float32).to(q.dtype) @ v


def by_hand(q, k, v):
    scores = q @ k.mT * S
    raised = torch.exp(scores - scores.amax(-1, keepdim=True))
    return (raised / raised.sum(dim=-1, keepdim=True)) @ v


def fused(q, k, v):
    return functional.scaled_dot_product_attention(q, k, v)


S = DIM**-0.5
SPELLINGS = [
    matmul,
    at,
    module_softmax,
    dropped,
    bmm,
    einsum,
    einsum_dots,
    einsum_values_first,
    einsum_heads_last,
    transposed,
    baddbmm,
    in_float,
    by_hand,
    fused,
]


class Spelt(nn.Module):
    """Attention in one module, whatever the function that makes it."""

    def __init__(self, attend):
        super().__init__()
        self.qkv = nn.Linear(HEADS * DIM, 3 * HEADS * DIM)
        self.attend = attend

    def forward(self, x):
        return rearrange(self.attend(*split(self.qkv(x))), "b h t d -> b t (h d)")


def exact(module, x, mask=None):
    """The maps in double precision, by the formula."""
    q, k, _ = split(
        functional.linear(x.double(), module.qkv.weight.double(), module.qkv.bias.double())
    )
    scores = q @ k.mT * S
    return (scores if mask is None else scores + mask).softmax(-1)


def rows(call):
    if call.maps is not None:
        return call.maps
    scores = call.query @ call.key.mT * call.scale
    return (scores if call.bias is None else scores + call.bias).softmax(-1)


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda each: each.__name__)
def test_every_spelling_is_seen_and_is_the_formulas(spelling):
    torch.manual_seed(0)
    module, x = Spelt(spelling).eval(), torch.randn(1, TOKENS, HEADS * DIM)
    _, (call,) = record(module, x)
    assert call.kind == ("fused" if spelling is fused else "eager")
    assert call.verified < 1e-5
    found = rows(call).double()
    torch.testing.assert_close(
        found.reshape(HEADS, TOKENS, TOKENS), exact(module, x)[0], atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("spelling", [in_float, matmul, einsum], ids=lambda each: each.__name__)
def test_a_cast_between_softmax_and_values_is_followed(spelling):
    torch.manual_seed(0)
    module, x = Spelt(spelling).eval(), torch.randn(1, TOKENS, HEADS * DIM)
    _, (call,) = record(module.bfloat16(), x.bfloat16())
    assert (call.kind, call.dtype) == ("eager", torch.bfloat16)
    assert call.verified < tolerance(torch.bfloat16)


def test_a_single_head_without_an_axis_for_it():
    q, v = torch.randn(6, 4), torch.randn(6, 3)
    alone = nn.Module()
    alone.forward = lambda x: torch.mm(torch.softmax(x @ x.T, dim=-1), v)  # type: ignore[method-assign]
    _, (call,) = record(alone, q)
    assert call.shape == (1, 6, 6)
    assert call.verified < 1e-5


OPTIONS = {
    "plain": {},
    "sequence first": {"batch_first": False},
    "bias of k and v": {"add_bias_kv": True},
    "a zero more": {"add_zero_attn": True},
    "other widths": {"kdim": 12, "vdim": 20},
    "no bias": {"bias": False},
}


@pytest.mark.parametrize("weights", [False, True, None], ids=["lean", "mean", "each head"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_torchs_own_multihead_attention(options, weights):
    torch.manual_seed(0)
    module = nn.MultiheadAttention(HEADS * DIM, HEADS, **{"batch_first": True, **options}).eval()
    first = module.batch_first
    shape = (1, TOKENS) if first else (TOKENS, 1)
    given = [torch.randn(*shape, each) for each in (HEADS * DIM, module.kdim, module.vdim)]
    asked = {"need_weights": True, "average_attn_weights": False}
    _, expected = module(*given, **asked)
    whole = {"need_weights": weights is not False, "average_attn_weights": bool(weights)}
    plain = module(*given, **whole)
    output, (call,) = record(module, given[0], run=lambda q: module(q, *given[1:], **whole))
    torch.testing.assert_close(output[0], plain[0], atol=1e-6, rtol=0)
    assert call.verified < 1e-5
    torch.testing.assert_close(rows(call), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("weights", [False, True])
def test_its_masks(weights):
    torch.manual_seed(0)
    module = nn.MultiheadAttention(HEADS * DIM, HEADS, batch_first=True).eval()
    x = torch.randn(2, TOKENS, HEADS * DIM)
    padding = torch.zeros(2, TOKENS, dtype=torch.bool)
    padding[1, -3:] = True
    mask = torch.zeros(TOKENS, TOKENS).masked_fill(torch.ones(TOKENS, TOKENS).triu(1) > 0, -1e9)
    options = {"key_padding_mask": padding.float() * -1e9, "attn_mask": mask}
    _, expected = module(x, x, x, average_attn_weights=False, **options)
    run = lambda q: module(q, q, q, need_weights=weights, **options)  # noqa: E731
    _, (call,) = record(module, x, run=run)
    assert call.shape == (2, HEADS, TOKENS, TOKENS)
    assert call.verified < 1e-5
    torch.testing.assert_close(rows(call), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("padded", [False, True])
def test_an_encoder_of_torch_whose_fast_path_would_hide_it(padded):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(HEADS * DIM, HEADS, 16, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 3).eval()
    x = torch.randn(1, TOKENS, HEADS * DIM)
    padding = torch.zeros(1, TOKENS, dtype=torch.bool)
    padding[:, -2:] = padded
    run = lambda q: encoder(q, src_key_padding_mask=padding if padded else None)  # noqa: E731
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):
        plain = run(x)
    with warnings.catch_warnings(action="ignore"):
        output, calls = record(encoder, x, run=run)
    assert [call.name for call in calls] == [f"layers.{each}.self_attn" for each in range(3)]
    assert all(call.verified < 1e-5 for call in calls)
    seen = slice(0, TOKENS - 2 if padded else TOKENS)
    torch.testing.assert_close(output[:, seen], plain[:, seen], atol=1e-5, rtol=0)


def test_torchs_own_function_is_not_changed():
    own = functional.multi_head_attention_forward
    module = nn.MultiheadAttention(HEADS * DIM, HEADS)
    record(module, torch.randn(4, 1, HEADS * DIM), run=lambda q: module(q, q, q))
    assert functional.multi_head_attention_forward is own
    assert own.__globals__["has_torch_function"] is torch.overrides.has_torch_function


@pytest.mark.filterwarnings("ignore")  # torch's own about running it without a compiler
@pytest.mark.parametrize("kind", ["plain", "causal", "distance", "capped"])
def test_flex_attention(kind):
    flex = pytest.importorskip("torch.nn.attention.flex_attention")
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, HEADS, 16, DIM) for _ in range(3))
    options, scores = {}, q @ k.mT * S
    index = torch.arange(16)
    if kind == "causal":
        causal = lambda b, h, i, j: i >= j  # noqa: E731
        options["block_mask"] = flex.create_block_mask(causal, None, None, 16, 16, device="cpu")
        scores = scores.masked_fill(index[:, None] < index, -torch.inf)
    if kind == "distance":
        options["score_mod"] = lambda s, b, h, i, j: s - (i - j).abs() * 0.1 * (h + 1)
        scores = scores - (index[:, None] - index).abs() * 0.1 * torch.tensor([1, 2])[:, None, None]
    if kind == "capped":
        options["score_mod"] = lambda s, b, h, i, j: torch.tanh(s / 2) * 2
        scores = torch.tanh(scores / 2) * 2
    module = nn.Identity()
    _, (call,) = record(module, q, run=lambda q: flex.flex_attention(q, k, v, **options))
    assert call.verified < 1e-5
    torch.testing.assert_close(rows(call), scores.softmax(-1), atol=1e-6, rtol=0)
