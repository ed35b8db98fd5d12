"""The gradients of a target, laid out as the model's layers and pools."""

from __future__ import annotations

from dataclasses import dataclass

from vitviz.core.data.trace import Layer
from vitviz.models.attribution.output_gradients import GradientPass


@dataclass(frozen=True, eq=False)
class TargetGradients:
    """One pass with its gradients, laid out as the model's layers and pools."""

    passed: GradientPass
    layers: tuple[Layer, ...]
    pools: tuple[Layer, ...]

    @property
    def bytes(self) -> int:
        """What it holds, each storage once."""
        held = {}
        for call in self.passed.calls:
            for tensor in (*call.held, call.gradient, call.output):
                if tensor is not None:
                    storage = tensor.untyped_storage()
                    held[storage.data_ptr()] = storage.nbytes()
        return sum(held.values())
