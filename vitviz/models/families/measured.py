"""Any module at all: its tokens are where they were measured to be, call by call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from einops import rearrange
from torch import nn

from vitviz.core.data.badge import TokenPlaces
from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.windows import TokenWindows
from vitviz.models.families import PositionTable
from vitviz.models.families.anatomy import Anatomy, timm_anatomy
from vitviz.models.families.windows import with_padding_said
from vitviz.models.record.attention_call import AttentionCall
from vitviz.models.record.layers_from_calls import (
    GridSize,
    PlacedCall,
    TraceLayers,
    UnplacedCall,
    read_each,
)
from vitviz.models.record.token_map.call_places import CallPlaces, SlotPlaces
from vitviz.models.record.token_map.token_map import TokenMap

ELSEWHERE = "this call was not made when the model's tokens were measured"

NO_TABLE = "no table with a row for each patch was found among the model's parameters"


class MeasuredFamily:
    """The family of one module, made of its token map; it is no kind of model and fits no other."""

    places: TokenPlaces = "measured"

    def __init__(self, found: TokenMap) -> None:
        """`found` is what was measured: which pixels each of the module's tokens reads."""
        self.map = found

    def matches(self, module: nn.Module) -> bool:
        """Never: it is made for one module."""
        return False

    def grid(self, module: nn.Module, size: GridSize) -> TokenGrid | None:
        """The grid of the first call."""
        return self.map.grid

    def read(
        self, module: nn.Module, calls: Sequence[AttentionCall], grid: TokenGrid, size: GridSize
    ) -> TraceLayers:
        """Each call where the call of the same turn was measured to be."""
        seen = [each for each in calls if each.kind != "lost"]
        places = dict(zip(map(id, seen), self._of(seen), strict=True))
        shaped = {id(call): _apart(call, places[id(call)]) for call in seen}
        kept = [shaped.get(id(call), call) for call in calls]
        placed = {id(shaped[key]): found for key, found in places.items()}
        reading = read_each(kept, lambda call: _place(call, placed.get(id(call))), altered=True)
        return with_padding_said(reading)

    def _of(self, calls: Sequence[AttentionCall]) -> Iterator[CallPlaces | None]:
        """The measured call for each one made: of the same name, in the same turn."""
        waiting: dict[str, list[CallPlaces]] = {}
        for each in self.map.calls:
            waiting.setdefault(each.name, []).append(each)
        for call in calls:
            of_name = waiting.get(call.name, [])
            found = of_name.pop(0) if of_name else None
            same = found is not None and found.shape[-2:] == call.shape[-2:]
            yield found if same else None

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        """The table that has a row for each patch, by its shape, and whose name says what it is."""
        tokens, patches = grid.tokens, grid.rows * grid.cols
        for name, table in module.named_parameters():
            rows = table.shape[-2] if table.ndim in (2, 3) else 0
            alone = table.ndim < 3 or table.shape[0] == 1
            if "pos" in name.lower() and rows in (tokens, patches) and alone:
                values = rearrange(table.detach().float().cpu(), "... dim -> (...) dim")
                return np.array(values[-patches:].numpy(), np.float32), ""
        return None, NO_TABLE

    def anatomy(self, module: nn.Module) -> Anatomy:
        """By timm's names."""
        return timm_anatomy(module)


class UnplacedFamily:
    """The family of a module whose tokens lie in no grid that could be found: its calls as matrices."""

    places: TokenPlaces = "unknown"

    def __init__(self, why: str) -> None:
        """`why` is the sentence that says what kept the grid from being found."""
        self._why = why

    def matches(self, module: nn.Module) -> bool:
        """Never: it is made for one module."""
        return False

    def grid(self, module: nn.Module, size: GridSize) -> TokenGrid | None:
        """The whole picture as one cell: there is no better place."""
        return TokenGrid(1, 1, (float(size[0]), float(size[1])))

    def read(
        self, module: nn.Module, calls: Sequence[AttentionCall], grid: TokenGrid, size: GridSize
    ) -> TraceLayers:
        """Matrices."""
        return read_each(calls, lambda call: UnplacedCall("query", "key", self._why), altered=True)

    def positions(self, module: nn.Module, grid: TokenGrid) -> tuple[PositionTable | None, str]:
        """None: which row would belong to which place is not known."""
        return None, NO_TABLE

    def anatomy(self, module: nn.Module) -> Anatomy:
        """By timm's names."""
        return timm_anatomy(module)


def _apart(call: AttentionCall, found: CallPlaces | None) -> AttentionCall:
    """The call with its groups and heads as two axes, where it is over several groups or has more."""
    if found is None or found.keys is None or call.row is not None:
        return call
    if len(found.keys.tokens) == 1 and len(call.shape) <= 4:
        return call
    axes = found.axes
    bias = None if call.bias is None else axes.apart(call.bias.expand(*call.shape))
    query, key, maps, before, values, gradient = (
        None if each is None else axes.apart(each)
        for each in (call.query, call.key, call.maps, call.before, call.values, call.gradient)
    )
    return replace(
        call,
        query=query,
        key=key,
        maps=maps,
        before=before,
        values=values,
        bias=bias,
        gradient=gradient,
        log_sum_exp=None,
    )


def _place(call: AttentionCall, found: CallPlaces | None) -> PlacedCall | UnplacedCall:
    if found is None:
        return UnplacedCall("query", "key", ELSEWHERE)
    if found.keys is None:
        return UnplacedCall("query", "key", found.why)
    if found.asking is None:
        if call.shape[-2] == 1 and found.keys.in_order:
            return PlacedCall(found.keys.grid, pool=True)
        return UnplacedCall(
            "query",
            "key",
            f"its {call.shape[-2]} queries are the model's own and read no place of the picture",
        )
    asking, keys = found.asking, found.keys
    pooled = None if asking.grid == keys.grid else keys.grid
    if asking.in_order and keys.in_order:
        return PlacedCall(asking.grid, pooled)
    windows = TokenWindows(asking.tokens, keys.tokens, found.regions)
    return PlacedCall(asking.grid, pooled, windows, _order(found, asking, keys))


def _order(found: CallPlaces, asking: SlotPlaces, keys: SlotPlaces) -> str:
    """The call's leading axes by name; groups and heads were taken apart where there are several."""
    if len(keys.tokens) > 1:
        return "window head"
    return "(window head)" if len(found.shape) == 3 else "window head"
