"""What was made before and may be wanted again, under a budget of bytes: the oldest goes first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ByteCache(Generic[K, V]):
    """Kept traces or models. The newest always stays, even when it alone is over the budget."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._kept: dict[K, tuple[V, int]] = {}
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """What is kept under the key, now the newest; None where nothing is."""
        with self._lock:
            entry = self._kept.pop(key, None)
            if entry is None:
                return None
            self._kept[key] = entry
            return entry[0]

    def peek(self, key: K) -> V | None:
        """What is kept under the key, without making it the newest."""
        entry = self._kept.get(key)
        return None if entry is None else entry[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keeps a value of `size` bytes; what was used longest ago makes room."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (value, size)
            self._make_room()

    def drop(self, matches: Callable[[K], bool]) -> None:
        """Forgets everything whose key matches."""
        with self._lock:
            self._kept = {key: entry for key, entry in self._kept.items() if not matches(key)}

    @property
    def budget(self) -> int:
        """Most bytes to hold."""
        return self._budget

    @budget.setter
    def budget(self, size: int) -> None:
        with self._lock:
            self._budget = size
            self._make_room()

    @property
    def held(self) -> int:
        """Bytes held."""
        return sum(size for _, size in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def _make_room(self) -> None:
        while len(self._kept) > 1 and self.held > self._budget:
            del self._kept[next(iter(self._kept))]
