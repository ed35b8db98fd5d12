"""The engine measured against the plain model: what capture costs, what is held, what a look costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import vitviz
from tests.benchmarks.run import BenchmarkRun, Row, noise
from vitviz.core.measures.distance import mean_distance, mean_entropy
from vitviz.core.measures.rollout import rollout, rollout_heads
from vitviz.core.pictures.picture_files import open_picture
from vitviz.models.loading.preprocess import normalised
from vitviz.models.record.attention.kept_maps import kept_maps
from vitviz.models.record.attention.lazy_attention import EagerAttention
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.layers_from_calls import read_calls
from vitviz.models.record.recorder import record

DINOV2_S = {"img_size": 518, "dynamic_img_size": False}


def rows(run: BenchmarkRun) -> list[Row]:
    """All rows; about two minutes on two cores."""
    return [
        *tracing(run, "ViT-B/16 at 224 px", "vit_base_patch16_224", {}, 25),
        *tracing(run, "DINOv2-S at 518 px", "vit_small_patch14_dinov2", DINOV2_S, 9),
        *looking(run),
        *surveying(run, "1,370 tokens", 518, 5),
        *surveying(run, "4,097 tokens", 896, 2),
    ]


def tracing(
    run: BenchmarkRun, title: str, name: str, arguments: dict[str, Any], repeats: int
) -> list[Row]:
    """A recorded and verified pass beside timm's plain fused one, in turns; and all of `trace`, which
    prepares the picture and reads the result too."""
    model = run.load(name, **arguments)
    size = model.preprocess.size
    image = noise(size)
    parameter = next(model.module.parameters())
    pixels = normalised(image, model.preprocess).to(parameter.device, parameter.dtype)
    grid = model.family.grid(model.module, size)
    assert grid is not None

    def plain() -> None:
        with torch.inference_mode():
            model.module(pixels)

    def recorded() -> list[AttentionCall]:
        _, calls = record(model.module, pixels, expected=12)
        assert not model.family.read(model.module, calls, grid, size).refused
        return calls

    picture = open_picture(image)
    ratio = run.in_turns(recorded, plain, repeats)
    whole_trace = run.in_turns(lambda: vitviz.trace(model, picture), plain, repeats)
    alone = in_one_thread(recorded, plain, run.few(repeats)) if not run.cuda else ratio
    reading = read_calls(recorded(), grid)
    held = bytes_of([layer.attention for layer in reading.layers])
    maps = sum(each.attention.heads * grid.tokens**2 * 4 for each in reading.layers)
    return [
        (
            f"trace of {title} / plain fused forward",
            "<= 1.05 x time",
            f"{ratio:.3f} x by the clock, {alone:.3f} x processor time in one thread",
        ),
        ("the same with the picture prepared and the result read", "told", f"{whole_trace:.3f} x"),
        ("more memory held by that trace", "<= 60 MB", f"{held / 1e6:.1f} MB"),
        (
            "that memory / memory of all maps",
            "<= 10 % where 1,370 tokens",
            f"{100 * held / maps:.1f} % ({maps / 1e6:.0f} MB)",
        ),
    ]


def looking(run: BenchmarkRun) -> list[Row]:
    """One token's rows and rollouts at 785 tokens, 12 layers of 12 heads."""
    trace = vitviz.trace(run.load("vit_base_patch8_224"), noise((224, 224)))
    layers = [layer.attention for layer in trace.layers]
    token = trace.grid.middle
    row = run.milliseconds(lambda: [each.rows(token) for each in layers], run.few(30))
    cold = run.milliseconds(lambda: (forget(layers), rollout(layers, token)), run.few(5))
    warm = run.milliseconds(lambda: rollout(layers, token), run.few(30))
    few = layers[:8]
    ready = [EagerAttention(torch.from_numpy(whole(each))) for each in few]
    walked = run.in_turns(lambda: product(ready), lambda: rollout_heads(ready, one(token)), 3)
    made = run.in_turns(
        lambda: product([EagerAttention(torch.from_numpy(whole(each))) for each in few]),
        lambda: rollout_heads(few, one(token)),
        3,
    )
    return [
        ("rows of one token, 12 layers x 12 heads, 785 tokens", "a few ms", f"{row:.2f} ms"),
        (
            "fused rollout of one token, 785 tokens: first, then again",
            "<= 130 ms",
            f"{cold:.0f} ms, {warm:.2f} ms",
        ),
        (
            "rollout of one token, all heads: matrix product / walk, maps ready",
            ">= 20 x",
            f"{walked:.1f} x",
        ),
        ("the same, both from q and k", "told", f"{made:.1f} x"),
    ]


def surveying(run: BenchmarkRun, title: str, side: int, repeats: int) -> list[Row]:
    """Distance, entropy, received attention, an overview of one layer, beside one flow through it.

    Of a tile of 500,000 entries on two cores of 2026: the product of q and k 0.42 ms (150 of 175
    GFLOP/s), shift and powers 0.14, a flow's own product 0.02. A survey adds logarithms kept beside
    0.02, entropy 0.05, received 0.03, distances made 0.07 and summed 0.06: 1.4 times a flow, and an
    overview of one head of six walks over a sixth anew. Less would need distances without a product
    a query, or overviews of all heads kept from the same walk (75 MB at 12 layers).
    """
    size = {"img_size": side, "dynamic_img_size": False}
    trace = vitviz.trace(run.load("vit_small_patch14_dinov2", **size), noise((side, side)))
    layer = trace.layers[-1]
    weight = np.ones((layer.attention.heads, layer.attention.queries), np.float32)
    step = max(1, layer.attention.queries // 512)

    def surveyed() -> None:
        layer.attention._surveyed = None
        mean_distance(layer, renormalise=True)
        mean_entropy(layer, relative=True)
        layer.attention.overview(0, step=step)

    ratio = run.in_turns(surveyed, lambda: layer.attention.flow(weight), repeats)
    moved = run.milliseconds(lambda: layer.attention.flow(weight), run.few(5))
    return [
        (
            f"distance, entropy, received, overview, {title} / one flow over the tiles",
            "<= 1.2 x",
            f"{ratio:.2f} x ({moved:.0f} ms a flow)",
        )
    ]


def product(layers: list[Any]) -> torch.Tensor:
    """The rollout by its definition: every head's matrices multiplied."""
    identity = torch.eye(layers[0].queries)
    found = None
    for layer in layers:
        step = 0.5 * identity + 0.5 * layer.maps
        found = step if found is None else torch.bmm(step, found)
    return found


def whole(attention: Any) -> np.ndarray:
    """All maps of a call at once, as a naive tool makes them."""
    with torch.inference_mode():
        return attention.tile(slice(None), slice(None)).cpu().numpy()


def one(token: int) -> range:
    """A run of one token."""
    return range(token, token + 1)


def forget(layers: list[Any]) -> None:
    """Kept maps are dropped, so that the next look is a first one."""
    for layer in layers:
        kept_maps.drop(layer._owner)


def bytes_of(attentions: list[Any]) -> int:
    """Bytes held; a storage counts once."""
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for attention in attentions
        for tensor in attention.tensors
    }
    return sum(storages.values())


def in_one_thread(first: Callable[[], Any], second: Callable[[], Any], repeats: int) -> float:
    """The ratio of processor times in one thread: what it costs, whoever else is at work here."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        taken: dict[Any, list[float]] = {first: [], second: []}
        for turn in range(repeats + 1):
            for each in (first, second) if turn % 2 else (second, first):
                started = time.process_time()
                each()
                taken[each].append(time.process_time() - started)
        return statistics.median(taken[first][1:]) / statistics.median(taken[second][1:])
    finally:
        torch.set_num_threads(threads)
