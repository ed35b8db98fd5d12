"""From a picture's file to where the class token's content comes from: vitviz, and how others do it.

Each way in its own style, with the same network, weights and picture, in turns in one process: hooks on
an eager model (the way of vit-explain), timm's AttentionExtract, transformers' `output_attentions`, and
timm's own transform with one plain fused forward pass, which gives no map at all.

At 197 tokens an eager pass costs no more than a fused one, so that there the record of every call (1.05
of a plain pass) and the walk (10 ms; the products alone take 5) are seen; from 785 tokens on they are
less than what the maps cost the others.
"""

from __future__ import annotations

import ctypes
import gc
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from einops import reduce
from PIL import Image
from timm.data import create_transform
from torch import Tensor, nn

import vitviz
from tests.benchmarks.run import BenchmarkRun, Row, noise
from vitviz.core.measures.rollout import rollout
from vitviz.models.loading.model import Model

NOISE = 0.05

OURS, PLAIN = "vitviz", "plain forward"


@dataclass(frozen=True)
class PeerSize:
    """A network and what is promised of it: our time over the plain forward's, and over the best of the
    others'."""

    title: str
    name: str
    arguments: dict[str, Any]
    turns: int
    over_plain: float
    over_best: float


SIZES = (
    PeerSize("ViT-B/16 224 px, 197 tokens", "vit_base_patch16_224", {}, 11, 1.10, 1.05),
    PeerSize("ViT-B/8 224 px, 785 tokens", "vit_base_patch8_224", {}, 5, 1.5, 1.0),
    PeerSize(
        "DINOv2-S 518 px, 1,370 tokens",
        "vit_small_patch14_dinov2",
        {"img_size": 518, "dynamic_img_size": False},
        5,
        1.5,
        1.0,
    ),
    PeerSize(
        "DINOv2-S 896 px, 4,097 tokens",
        "vit_small_patch14_dinov2",
        {"img_size": 896, "dynamic_img_size": False},
        2,
        1.8,
        1.0,
    ),
)


def rows(run: BenchmarkRun) -> list[Row]:
    """All rows; five minutes on two quiet cores, 6 GB for the eager ways at 4,097 tokens."""
    return [row for size in SIZES[: run.few(4)] for row in comparing(run, size)]


def comparing(run: BenchmarkRun, size: PeerSize) -> list[Row]:
    """Times and memory of every way at one size."""
    model = run.load(size.name, **size.arguments)
    with tempfile.TemporaryDirectory() as folder:
        file = _photo(Path(folder, "picture.jpg"))
        ways = _ways(run, model, file)
        _agree(ways)
        times = _timed(run, ways, run.few(size.turns))
        memory = {name: _peak(run, way) for name, way in ways.items()}
    return [*_time_rows(size, times), _memory_row(size, memory)]


def _time_rows(size: PeerSize, times: dict[str, list[float]]) -> list[Row]:
    others = [name for name in times if name not in (OURS, PLAIN)]
    middle = {name: statistics.median(found) for name, found in times.items()}
    best = min(others, key=lambda name: middle[name])
    told = ", ".join(f"{name} {milli:.0f}" for name, milli in middle.items())
    over_plain, over_best = _ratio(times, OURS, PLAIN), _ratio(times, OURS, best)
    return [
        (
            f"file to class rollout, {size.title}, / plain forward with timm's transform",
            f"<= {size.over_plain:.2f} x",
            f"{over_plain:.2f} x (ms: {told})",
        ),
        (
            f"file to class rollout, {size.title}, / the fastest other way",
            f"<= {size.over_best:.2f} x",
            f"{over_best:.2f} x ({best})",
        ),
    ]


def _ratio(times: dict[str, list[float]], one: str, other: str) -> float:
    return statistics.median(a / b for a, b in zip(times[one], times[other], strict=True))


def _memory_row(size: PeerSize, memory: dict[str, float]) -> Row:
    told = ", ".join(f"{name} {mega:.0f}" for name, mega in memory.items())
    share = memory[OURS] / max(
        1.0, min(memory[name] for name in memory if name not in (OURS, PLAIN))
    )
    return (
        f"its peak memory, {size.title}, / the leanest other way's",
        "<= 1 x",
        f"{share:.2f} x (MB: {told})",
    )


Way = Callable[[], np.ndarray | None]


def _ways(run: BenchmarkRun, model: Model, file: Path) -> dict[str, Way]:
    """Every way from the file to shares of the tokens; None for the one that gives none."""
    want = model.preprocess
    prepare = create_transform(
        input_size=(3, *want.size),
        interpolation=want.interpolation,
        mean=want.mean,
        std=want.std,
        crop_pct=want.crop_pct,
        is_training=False,
    )
    parameter = next(model.module.parameters())

    def pixels() -> Tensor:
        image = Image.open(file).convert("RGB")
        return prepare(image)[None].to(parameter.device, parameter.dtype)

    def ours() -> np.ndarray:
        trace = vitviz.trace(model, file)
        return rollout([layer.attention for layer in trace.layers], 0)

    def plain() -> None:
        with torch.inference_mode():
            model.module(pixels()).cpu()

    found: dict[str, Way] = {OURS: ours, PLAIN: plain}
    eager = _eager(model.module)
    found["hooks"] = lambda: _hooked(eager, pixels())
    extract = timm.utils.AttentionExtract(eager, method="hook")
    found["AttentionExtract"] = lambda: _extracted(extract, pixels())
    if (theirs := _transformers(run, model)) is not None:
        found["transformers"] = lambda: _attentions(theirs, pixels())
    return found


def _eager(module: nn.Module) -> nn.Module:
    """The same weights in a network that makes its maps."""
    config = module.pretrained_cfg["architecture"]
    arguments = {"img_size": module.patch_embed.img_size, "num_classes": module.num_classes}
    with torch.device("meta"):
        found = timm.create_model(config, **arguments)
    found.load_state_dict(module.state_dict(), assign=True)
    for block in found.blocks:
        block.attn.fused_attn = False
    return found.eval()


def _hooked(module: nn.Module, pixels: Tensor) -> np.ndarray:
    """Hooks on what the maps pass through, each brought to the CPU; then product after product."""
    maps: list[Tensor] = []
    hooks = [
        part.register_forward_hook(lambda _module, _given, output: maps.append(output.cpu()))
        for name, part in module.named_modules()
        if name.endswith("attn_drop")
    ]
    with torch.no_grad():
        module(pixels)
    for hook in hooks:
        hook.remove()
    return _by_matrices(maps)


def _extracted(extract: Any, pixels: Tensor) -> np.ndarray:
    with torch.no_grad():
        return _by_matrices(list(extract(pixels).values()))


def _attentions(module: nn.Module, pixels: Tensor) -> np.ndarray:
    with torch.no_grad():
        return _by_matrices(module(pixels, output_attentions=True).attentions)


def _by_matrices(maps: Sequence[Tensor]) -> np.ndarray:
    """The rollout as published code has it: heads averaged, the identity added, matrices multiplied."""
    tokens = maps[0].shape[-1]
    identity = torch.eye(tokens)
    product = torch.eye(tokens)
    for each in maps:
        mean = reduce(each.float().cpu(), "1 head query key -> query key", "mean")
        step = (mean + identity) / 2
        product = (step / step.sum(-1, keepdim=True)) @ product
    return product[0].numpy()


def _transformers(run: BenchmarkRun, model: Model) -> nn.Module | None:
    """A network of the same sizes there, of random weights: the same work, not the same numbers."""
    try:
        from transformers import ViTConfig, ViTModel
    except ImportError:
        return None
    info = model.info
    config = ViTConfig(
        hidden_size=info.dim,
        num_hidden_layers=info.depth,
        num_attention_heads=info.heads,
        intermediate_size=4 * info.dim,
        image_size=info.input_size[0],
        patch_size=info.patch[0],
        attn_implementation="eager",
    )
    parameter = next(model.module.parameters())
    return ViTModel(config, add_pooling_layer=False).eval().to(parameter.device, parameter.dtype)


def _agree(ways: dict[str, Way]) -> None:
    """The ways over the same weights give the same map: no faster way that does less."""
    ours = ways[OURS]()
    for name in ("hooks", "AttentionExtract"):
        theirs = ways[name]()
        assert ours is not None
        assert theirs is not None
        assert np.abs(ours - theirs).max() < 0.02 * ours.max(), f"{name} gives another map"


def _timed(run: BenchmarkRun, ways: dict[str, Way], turns: int) -> dict[str, list[float]]:
    """Milliseconds of each way, in turns, the order turned round each time."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            found[name].append(run.milliseconds(ways[name]))
            gc.collect()
    return found


def _peak(run: BenchmarkRun, way: Way) -> float:
    """Megabytes more than before at its highest; 0 where the system does not say."""
    gc.collect()
    if run.cuda:
        torch.cuda.reset_peak_memory_stats(run.device)
        before = torch.cuda.memory_allocated(run.device)
        way()
        return (torch.cuda.max_memory_allocated(run.device) - before) / 1e6
    if sys.platform != "linux":
        return 0.0
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    way()
    return (_status("VmHWM") - before) / 1e3


def _status(what: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:"))


def _photo(file: Path) -> Path:
    coarse = Image.fromarray(noise((12, 16)))
    coarse.resize((640, 480), Image.Resampling.BICUBIC).save(file, quality=90)
    return file
