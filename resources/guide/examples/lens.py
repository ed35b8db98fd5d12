"""A model of one's own, and the family that tells vitviz which of its tokens is where."""

from collections.abc import Sequence

import torch
from einops import rearrange
from timm.models import register_model
from torch import nn
from torch.nn import functional

from vitviz.core.data.geometry import TokenGrid
from vitviz.models.families import PositionTable, family
from vitviz.models.record.layers_from_calls import TraceLayers, read_calls
from vitviz.models.record.recorder import AttentionCall


class LensAttention(nn.Module):
    """Attention of four heads, as vitviz records it in any model: nothing is added for its sake."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(64, 192), nn.Linear(64, 64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pattern = "batch token (which head dim) -> which batch head token dim"
        q, k, v = rearrange(self.qkv(x), pattern, which=3, head=4)
        y = functional.scaled_dot_product_attention(q, k, v)
        return self.out(rearrange(y, "batch head token dim -> batch token (head dim)"))


class Lens(nn.Module):
    """A small transformer: one class token, then 7 x 7 patches of 32 pixels."""

    def __init__(self, **_settings: object) -> None:
        super().__init__()
        self.pretrained_cfg = {"input_size": (3, 224, 224), "num_classes": 10}
        self.stem = nn.Conv2d(3, 64, 32, 32)
        self.first = nn.Parameter(torch.zeros(1, 1, 64))
        self.places = nn.Parameter(torch.randn(1, 50, 64))
        self.layers = nn.ModuleList(LensAttention() for _ in range(3))
        self.classes = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        patches = rearrange(self.stem(x), "batch dim row col -> batch (row col) dim")
        x = torch.cat([self.first.expand(len(patches), -1, -1), patches], dim=1) + self.places
        for layer in self.layers:
            x = x + layer(x)
        return self.classes(x[:, 0])


@register_model
def lens(pretrained: bool = False, **settings: object) -> Lens:
    """timm knows it by this name, and so does vitviz."""
    return Lens(**settings)


@family("lens", order=40)
class LensFamily:
    """What vitviz must know of it beyond its attention calls."""

    def matches(self, module: nn.Module) -> bool:
        return isinstance(module, Lens)

    def grid(self, module: nn.Module, size: tuple[int, int]) -> TokenGrid:
        return TokenGrid(7, 7, (32, 32), ("class",))

    def read(
        self,
        module: nn.Module,
        calls: Sequence[AttentionCall],
        grid: TokenGrid,
        size: tuple[int, int],
    ) -> TraceLayers:
        return read_calls(calls, grid)

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        return module.places[0, 1:].detach().numpy(), ""
