"""What is looked at: a model as it was asked for, with a picture; and models to choose from."""

from __future__ import annotations

from dataclasses import dataclass

from vitviz.session.work.request import ModelRequest


@dataclass(frozen=True, slots=True)
class Column:
    """One model beside others, with the key of the picture it reads (None: none yet)."""

    id: int
    model: ModelRequest
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model to pick from a list: bundled, or a checkpoint that was opened before."""

    name: str
    title: str
    bundled: bool
    patch_sizes: tuple[int, ...] = ()
    default_patch_size: int | None = None
    positions: bool = True
    """False for one that was trained without position embeddings."""
