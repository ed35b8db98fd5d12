"""A plugin as somebody wrote it for vitviz 0.1: a view of each kind, a model and its family."""

from collections.abc import Sequence

import numpy as np
import torch
from einops import rearrange, reduce
from timm.models import register_model
from torch import nn
from torch.nn import functional

from vitviz.core.drawing import Drawing, Panel, PixelSpace
from vitviz.core.geometry import TokenGrid
from vitviz.core.progress import Unsupported
from vitviz.core.selection import Selection
from vitviz.core.trace import Trace
from vitviz.models.families import Positions, family
from vitviz.models.reading import Reading, read_calls
from vitviz.models.recorder import Call
from vitviz.views import parts, view
from vitviz.views.options import Look


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
def lens_of_0_1(pretrained: bool = False, **settings: object) -> Lens:
    """timm knows it by this name, and so does vitviz."""
    return Lens(**settings)


@family("lens of 0.1", order=40)
class LensFamily:
    """What vitviz must know of it beyond its attention calls."""

    def matches(self, module: nn.Module) -> bool:
        return isinstance(module, Lens)

    def grid(self, module: nn.Module, size: tuple[int, int]) -> TokenGrid:
        return TokenGrid(7, 7, (32, 32), ("class",))

    def read(
        self, module: nn.Module, calls: Sequence[Call], grid: TokenGrid, size: tuple[int, int]
    ) -> Reading:
        return read_calls(calls, grid, size)

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[Positions | None, str]:
        return module.places[0, 1:].detach().numpy(), ""


@view(
    "received_of_0_1",
    title="Attention received",
    shows="How much attention every patch gets from all tokens of the chosen layer together.",
    formula="r(key) = mean over heads and queries of A(head, query, key)",
    source="an example",
    follows=("layer", "token"),
)
def received(trace: Trace, selection: Selection, *, look: Look = Look()) -> Drawing:
    """One map over the picture."""
    return _map("received_of_0_1", trace, selection, _received(trace, selection), look)


@view(
    "difference_of_0_1",
    title="Attention received, compared",
    shows="The same of one model minus the same of another, over one or more pictures.",
    formula="r1 - r2",
    source="an example",
    follows=("layer", "token"),
    traces=2,
)
def compared(
    trace: Trace,
    other: Trace,
    selection: Selection,
    also: Sequence[tuple[Trace, Trace]] = (),
    *,
    look: Look = Look(),
) -> Drawing:
    """One map of what differs on average."""
    pairs = [(trace, other), *also]
    if any(len(one.layers) != len(two.layers) for one, two in pairs):
        raise Unsupported("models of one depth are compared")
    apart = [_received(one, selection) - _received(two, selection) for one, two in pairs]
    return _map("difference_of_0_1", trace, selection, np.mean(apart, axis=0), look)


@view(
    "average_of_0_1",
    title="Attention received on average",
    shows="The same over several pictures.",
    formula="mean over pictures of r",
    source="an example",
    follows=("layer", "token"),
)
def average(
    trace: Trace, selection: Selection, others: Sequence[Trace] = (), *, look: Look = Look()
) -> Drawing:
    """One map over the first picture."""
    several = [_received(one, selection) for one in (trace, *others)]
    return _map("average_of_0_1", trace, selection, np.mean(several, axis=0), look)


def _received(trace: Trace, selection: Selection) -> np.ndarray:
    layer = trace.layers[selection.layer(len(trace.layers))]
    received = reduce(layer.attention.matrix(), "query key -> key", "mean")
    return np.asarray(received[layer.keys.patches])


def _map(
    name: str, trace: Trace, selection: Selection, received: np.ndarray, look: Look
) -> Drawing:
    number = selection.layer(len(trace.layers))
    layer = trace.layers[number]
    values = parts.on_grid(received, layer.keys)
    scale = parts.scale_of(values, look, "mean attention")
    panel = Panel(
        parts.over_picture(trace, selection, values, scale, look, layer.keys),
        trace.grid.frame,
        f"Layer {number + 1}, all heads",
        space=PixelSpace(trace.crop, layer.keys),
        bar=scale,
    )
    return Drawing(name, "Where everybody looks", ((panel,),), parts.caption(trace))
