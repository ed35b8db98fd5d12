"""Attention computed the plain way in numpy, and small traces made by hand, to compare with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vitviz.core.data.attention import AttentionSurvey
from vitviz.core.data.geometry import Box, Crop, TokenGrid
from vitviz.core.data.prediction import Prediction
from vitviz.core.data.trace import Layer, ModelInfo, Picture, Trace
from vitviz.core.progress import Unsupported


@dataclass(frozen=True, eq=False)
class Answers:
    """A model that says the same whenever it is asked again."""

    said: np.ndarray

    def features(self):
        return self.said

    def word_gradient(self, label=None):
        raise Unsupported("this model has no words")

    def rotations(self, layer):
        raise Unsupported("this model does not turn queries and keys by their place")

    def sequence(self):
        raise Unsupported("what the first block of this model reads is not known")

    def position_bias(self, layer):
        raise Unsupported("this model adds no bias to its scores that could be seen")


@dataclass(frozen=True, eq=False)
class Maps:
    """Attention maps (head query key) held as they are: what core.attention.Attention promises."""

    maps: np.ndarray

    @property
    def heads(self):
        return self.maps.shape[0]

    @property
    def queries(self):
        return self.maps.shape[1]

    @property
    def keys(self):
        return self.maps.shape[2]

    def rows(self, query):
        return self.maps[:, query]

    def columns(self, key):
        return self.maps[:, :, key]

    def matrix(self, head=None, *, fuse="mean"):
        return getattr(self.maps, fuse)(axis=0) if head is None else self.maps[head]

    def flow(self, weight, *, fuse=None, discard=0.0):
        if fuse is None:
            moved = [weight[..., h, :] @ lessened(m, discard) for h, m in enumerate(self.maps)]
            return np.stack(moved, axis=-2)
        return weight @ lessened(self.matrix(fuse=fuse), discard)

    def sums(self, fuse=None, discard=0.0):
        if fuse is None:
            return np.stack([lessened(each, discard).sum(1) for each in self.maps])
        return lessened(self.matrix(fuse=fuse), discard).sum(1)

    def survey(self, places=None):
        safe = np.where(self.maps > 0, self.maps, 1).astype(np.float64)
        entropy = -(safe * np.log(safe)).sum(-1).astype(np.float32)
        entropy[(self.maps < -1e-6).any((1, 2))] = np.nan
        if places is None:
            none = np.empty((self.heads, 0), np.float32)
            return AttentionSurvey(self.maps.sum(1), entropy, none, none)
        apart = places.queries[:, None] - places.keys
        far = np.hypot(apart[..., 0], apart[..., 1])
        seen = ~np.isnan(places.keys).any(1)
        among = self.maps[..., seen].sum(-1)
        reached = (self.maps * far)[..., seen].sum(-1).astype(np.float32)
        return AttentionSurvey(self.maps.sum(1), entropy, among, reached)

    def overview(self, head=None, *, step):
        whole = self.matrix(head)
        down, across = (min(step, count) for count in whole.shape)
        rows, cols = whole.shape[0] // down, whole.shape[1] // across
        cut = whole[: rows * down, : cols * across].reshape(rows, down, cols, across)
        return cut.mean((1, 3))


def lessened(values, discard):
    """The lowest entries zero except [0, 0]."""
    flat = values.ravel().copy()
    lowest = np.argsort(flat)[: int(flat.size * discard)]
    flat[lowest[lowest != 0]] = 0
    return flat.reshape(values.shape)


def softmax_maps(seed, heads, queries, keys, sharp=3.0):
    """Random attention with rows that sum to 1."""
    logits = sharp * np.random.default_rng(seed).standard_normal((heads, queries, keys))
    maps = np.exp(logits - logits.max(-1, keepdims=True))
    return (maps / maps.sum(-1, keepdims=True)).astype(np.float32)


def make_trace(
    rows=4, cols=6, patch=8, prefix=("class",), depth=3, heads=2, *, original=None, seed=0
):
    """A trace of random attention over a picture with a square (or given) original."""
    random = np.random.default_rng(seed)
    model = (rows * patch, cols * patch)
    original = original or model
    scale = max(model[0] / original[0], model[1] / original[1])
    offset = tuple((m - o * scale) / 2 for m, o in zip(model, original, strict=True))
    crop = Crop(original, model, (scale, scale), offset)
    grid = TokenGrid(rows, cols, (patch, patch), tuple(prefix))
    pixels = random.integers(0, 256, (*model, 3), dtype=np.uint8)
    picture = Picture(
        "noise.png", "", random.integers(0, 256, (*original, 3), dtype=np.uint8), "ab12"
    )
    tokens = grid.tokens
    layers = tuple(
        Layer(
            f"blocks.{index}.attn",
            index,
            Maps(softmax_maps(seed + index, heads, tokens, tokens)),
            grid,
        )
        for index in range(depth)
    )
    info = ModelInfo(
        "tiny",
        "Tiny",
        "vit",
        "ViT",
        "trained",
        (patch, patch),
        model,
        depth,
        heads,
        16,
        1000,
        3,
        "cpu",
        "float32",
    )
    return Trace(
        info,
        picture,
        pixels,
        pixels.repeat(2, 0).repeat(2, 1),
        Box(0, 0, *model),
        crop,
        grid,
        layers,
        1e-7,
        positions=random.standard_normal((rows * cols, 16)).astype(np.float32),
        compared=depth,
        predictions=tuple(
            Prediction(index, name, share, float(np.log(share)))
            for index, (name, share) in enumerate((("cat", 0.7), ("dog", 0.2), ("mouse", 0.1)))
        ),
        source=Answers(random.standard_normal((depth, tokens, 16)).astype(np.float32)),
    )


def without_maps(trace, **changes):
    """The trace with something changed."""
    return replace(trace, **changes)
