"""Maps made once are kept while there is room, so that pointing again costs no attention."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

import numpy as np
from jaxtyping import Float32

KeptNumbers = Float32[np.ndarray, "..."]
"""A whole map (query key), or the sums of its rows (query)."""

BUDGET = 256 * 1024 * 1024
"""Bytes of fused and single-head maps kept by all traces together: 24 layers of 1,370 tokens fit."""

LAYERS = 24
"""Layers of one trace that the budget is for: larger maps would drive each other out."""


class KeptMaps:
    """Maps (query key) by owner and kind; the least recently used leave first. Thread-safe."""

    def __init__(self, budget: int = BUDGET) -> None:
        """`budget` in bytes, of all maps together."""
        self.budget = budget
        self.bytes = 0
        self._maps: OrderedDict[tuple[int, Hashable], KeptNumbers] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, owner: int, kind: Hashable) -> KeptNumbers | None:
        """The map, or None when it was never made or had to leave."""
        with self._lock:
            found = self._maps.get((owner, kind))
            if found is not None:
                self._maps.move_to_end((owner, kind))
            return found

    def put(self, owner: int, kind: Hashable, values: KeptNumbers) -> KeptNumbers:
        """Keeps a map, read-only; one larger than the whole budget is not kept."""
        values.setflags(write=False)
        with self._lock:
            if values.nbytes <= self.budget and (owner, kind) not in self._maps:
                self._maps[owner, kind] = values
                self.bytes += values.nbytes
                while self.bytes > self.budget:
                    self.bytes -= self._maps.popitem(last=False)[1].nbytes
        return values

    def has_room(self, size: int) -> bool:
        """Whether a map of so many bytes stays until the other layers of its trace are kept too."""
        return size * LAYERS <= self.budget

    def drop(self, owner: int) -> None:
        """Forgets all maps of an owner that has gone."""
        with self._lock:
            for key in [key for key in self._maps if key[0] == owner]:
                self.bytes -= self._maps.pop(key).nbytes


kept_maps = KeptMaps()
