"""A loaded model: the torch module with all that is needed to show it a picture."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from vitviz.core.data.trace import ModelInfo
from vitviz.models.families import Family
from vitviz.models.loading.preprocess import Preprocess
from vitviz.models.loading.text_tower import TextTower


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Model:
    """What `vitviz.load` returns: the torch module with all that is needed to show it a picture.

    >>> model
    <Model test_vit: test_vit, 371,240 parameters, untrained, cpu, fp32>
    >>> type(model.module).__name__, model.module.training
    ('VisionTransformer', False)

    `module` is the torch module itself, in evaluation mode, on its device; `info` describes it.
    `labels` name the classes of the head, () where nobody knows them. One pass runs at a time.
    `reload` loads the same model once more; None for random weights, which cannot be had twice.
    `live`: the module is somebody's own, in use elsewhere. It stays on its device and in its number
    type, and is in evaluation mode only while the `lock` is held. `text` is the side that reads
    words, of a model that compares pictures with them.
    """

    module: nn.Module
    info: ModelInfo
    preprocess: Preprocess
    family: Family
    labels: tuple[str, ...] = ()
    reload: Callable[[], Model] | None = None
    lock: AbstractContextManager[Any] = field(default_factory=threading.RLock, repr=False)
    live: bool = False
    text: TextTower | None = None

    def __repr__(self) -> str:
        """In a line, for notebooks; `module` has all the others."""
        info = self.info
        return (
            f"<Model {info.called}: {info.architecture}, {info.parameters:,} parameters, "
            f"{info.weights}, {info.device}, {info.precision}>"
        )
