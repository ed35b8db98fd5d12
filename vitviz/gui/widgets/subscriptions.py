"""Connections to the session that end with the window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psygnal import SignalInstance


class Subscriptions:
    """Keeps the window's connections, so that closing it cuts them all."""

    def __init__(self) -> None:
        self._links: list[tuple[SignalInstance, Callable[..., Any]]] = []

    def connect(self, signal: SignalInstance, slot: Callable[..., Any]) -> None:
        """Connects a bound method until `cut`."""
        signal.connect(slot)
        self._links.append((signal, slot))

    def cut(self) -> None:
        """Ends all connections."""
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)
        self._links.clear()
