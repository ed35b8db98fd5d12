"""A loaded model: the torch module with all that is needed to show it a picture."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn

from vitviz.core.data.trace import ModelInfo
from vitviz.models.families import Family
from vitviz.models.loading.preprocess import Preprocess


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Model:
    """`module` is the torch module itself, in evaluation mode, on its device; `info` describes it.

    `labels` name the classes of the head, () where nobody knows them. One pass runs at a time.
    `reload` loads the same model once more; None for random weights, which cannot be had twice.
    """

    module: nn.Module
    info: ModelInfo
    preprocess: Preprocess
    family: Family
    labels: tuple[str, ...] = ()
    reload: Callable[[], Model] | None = None
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __repr__(self) -> str:
        """In a line, for notebooks; `module` has all the others."""
        info = self.info
        return (
            f"<Model {info.called}: {info.architecture}, {info.parameters:,} parameters, "
            f"{info.weights}, {info.device}, {info.precision}>"
        )
