"""A module in memory against itself: what a trace of it costs, and finding its tokens."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

import vitviz
from tests.benchmarks.run import BenchmarkRun, Row, noise
from vitviz.core.pictures.picture_files import open_picture
from vitviz.models.record.token_map.token_map import token_map

SMALL = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 64}


def rows(run: BenchmarkRun) -> list[Row]:
    """All rows; about two minutes on two cores."""
    return [*tracing(run), *beside_eager(run), *finding(run)]


def vit(run: BenchmarkRun, size: int, attention: str = "sdpa") -> Any:
    """transformers' ViT-B/16 with random weights, small in a toy run."""
    import transformers

    torch.manual_seed(0)
    sizes: dict[str, Any] = SMALL if run.toy else {"image_size": size}
    config = transformers.ViTConfig(**sizes, attn_implementation=attention)
    return transformers.ViTForImageClassification(config).eval()


def tracing(run: BenchmarkRun) -> list[Row]:
    """A trace beside the model's own forward with its fused kernels, in turns."""
    module = vit(run, 224)
    model = vitviz.load(module)
    side = module.config.image_size
    picture, pixels = open_picture(noise((side, side))), torch.randn(1, 3, side, side)

    def plain() -> None:
        with torch.inference_mode():
            module(pixels)

    ratio = run.in_turns(lambda: vitviz.trace(model, picture), plain, 15)
    return [
        ("trace of transformers' ViT-B at 224 px / its own forward", "<= 1.05 x", f"{ratio:.3f} x")
    ]


def beside_eager(run: BenchmarkRun) -> list[Row]:
    """The same beside output_attentions=True, at 1,025 tokens: time, and memory of what is kept."""
    module, eager = vit(run, 512), vit(run, 512, "eager")
    eager.load_state_dict(module.state_dict())
    model = vitviz.load(module)
    side = module.config.image_size
    picture, pixels = open_picture(noise((side, side))), torch.randn(1, 3, side, side)

    def asked() -> Any:
        with torch.inference_mode():
            return eager(pixels, output_attentions=True)

    ratio = run.in_turns(lambda: vitviz.trace(model, picture), asked, 5)
    maps = sum(each.numel() * each.element_size() for each in asked().attentions)
    held = vitviz.trace(model, picture, values=False).held_bytes
    return [
        ("the same at 512 px / output_attentions=True", "<= 0.75 x", f"{ratio:.3f} x"),
        ("memory of that trace / memory of these maps", "<= 25 %", f"{100 * held / maps:.1f} %"),
    ]


def finding(run: BenchmarkRun) -> list[Row]:
    """The token map of modules that nobody described, beside one forward."""
    from torchvision.models import swin_t, vit_b_16

    found: list[tuple[str, nn.Module, str]] = [("transformers' ViT-B", vit(run, 224), "<= 5 x")]
    if not run.toy:
        found += [
            ("torchvision's ViT-B", vit_b_16(weights=None).eval(), "<= 5 x"),
            ("torchvision's Swin-T, windows and stages", swin_t(weights=None).eval(), "told"),
        ]
    return [_finding(run, *each) for each in found]


def _finding(run: BenchmarkRun, title: str, module: nn.Module, target: str) -> Row:
    side = SMALL["image_size"] if run.toy else 224
    pixels = torch.randn(1, 3, side, side)
    like = next(module.parameters())

    def plain() -> None:
        with torch.inference_mode():
            module(pixels)

    def measure() -> None:
        token_map(module, module, (side, side), like)

    ratio = run.in_turns(measure, plain, 5)
    return f"token map of {title}, found and proven / one forward", target, f"{ratio:.2f} x"
