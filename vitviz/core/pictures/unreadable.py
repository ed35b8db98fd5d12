"""Why a file cannot be read, and what now, in the same words for pictures and checkpoints."""

from __future__ import annotations

from pathlib import Path


def not_found(shown: str, path: Path) -> str:
    """The sentence for a file that is not there."""
    return (
        f"{shown} was not found in {path.absolute().parent}; it may have been moved or renamed, open "
        "it from where it is now"
    )


def locked(shown: str) -> str:
    """The sentence for a file that this user may not read."""
    return (
        f"{shown} may not be read by this user; change its permissions or copy it to a folder of your "
        "own"
    )
