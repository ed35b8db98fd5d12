"""What is said where only one row of a recorded call was kept."""

from __future__ import annotations

from vitviz.core.progress import Unsupported


class OnlyRow(Unsupported):
    """A call of which one row was kept was asked for more."""
