"""The engine measured against the plain model: what capture costs, what is held, what a look costs."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import vitviz
from vitviz.core.measures.rollout import rollout, rollout_heads
from vitviz.core.pictures.picture_files import open_picture
from vitviz.models.loading.preprocess import normalised
from vitviz.models.record.attention.kept_maps import kept_maps
from vitviz.models.record.attention.lazy_attention import EagerAttention
from vitviz.models.record.layers_from_calls import read_calls
from vitviz.models.record.recorder import AttentionCall, record

Row = tuple[str, str, str]

DINOV2_S = {"img_size": 518, "dynamic_img_size": False}


def rows() -> list[Row]:
    """All rows; about two minutes on two cores."""
    return [
        *tracing("ViT-B/16 at 224 px", "vit_base_patch16_224", {}, 25),
        *tracing("DINOv2-S at 518 px", "vit_small_patch14_dinov2", DINOV2_S, 9),
        *looking(),
    ]


def tracing(title: str, name: str, arguments: dict[str, Any], repeats: int) -> list[Row]:
    """A recorded and verified pass beside timm's plain fused one, in turns; and all of `trace`, which
    prepares the picture and reads the result too."""
    model = vitviz.load(name, pretrained=False, **arguments)
    size = model.preprocess.size
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    pixels = normalised(noise, model.preprocess)
    grid = model.family.grid(model.module, size)
    assert grid is not None

    def plain() -> None:
        with torch.inference_mode():
            model.module(pixels)

    def recorded() -> list[AttentionCall]:
        _, calls = record(model.module, pixels, expected=12)
        assert not model.family.read(model.module, calls, grid, size).refused
        return calls

    picture = open_picture(noise)
    ratio = in_turns(recorded, plain, repeats)
    whole_trace = in_turns(lambda: vitviz.trace(model, picture), plain, repeats)
    alone = in_one_thread(recorded, plain, repeats)
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


def looking() -> list[Row]:
    """One token's rows and rollouts at 785 tokens, 12 layers of 12 heads."""
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    trace = vitviz.trace(vitviz.load("vit_base_patch8_224", pretrained=False), noise)
    layers = [layer.attention for layer in trace.layers]
    token = trace.grid.middle
    row = milliseconds(lambda: [each.rows(token) for each in layers], 30)
    cold = milliseconds(lambda: (forget(layers), rollout(layers, token)), 3)
    warm = milliseconds(lambda: rollout(layers, token), 30)
    few = layers[:8]
    ready = [EagerAttention(torch.from_numpy(whole(each))) for each in few]
    walked = in_turns(lambda: product(ready), lambda: rollout_heads(ready, one(token)), 3)
    made = in_turns(
        lambda: product([EagerAttention(torch.from_numpy(whole(each))) for each in few]),
        lambda: rollout_heads(few, one(token)),
        3,
    )
    return [
        ("rows of one token, 12 layers x 12 heads, 785 tokens", "a few ms", f"{row:.2f} ms"),
        (
            "fused rollout of one token, 785 tokens: first, then again",
            "a few ms again",
            f"{cold:.0f} ms, {warm:.2f} ms",
        ),
        (
            "rollout of one token, all heads: matrix product / walk, maps ready",
            ">= 20 x",
            f"{walked:.1f} x",
        ),
        ("the same, both from q and k", "told", f"{made:.1f} x"),
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
        return attention.tile(slice(None), slice(None)).numpy()


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


def in_turns(first: Callable[[], Any], second: Callable[[], Any], repeats: int) -> float:
    """The median of (time of first / time of second), measured pair by pair on a noisy machine."""
    first(), second()
    ratios = []
    for turn in range(repeats):
        order = (first, second) if turn % 2 else (second, first)
        taken = {each: milliseconds(each, 1) for each in order}
        ratios.append(taken[first] / taken[second])
        gc.collect()
    return statistics.median(ratios)


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


def milliseconds(work: Callable[[], Any], repeats: int) -> float:
    """The median time of something."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)
