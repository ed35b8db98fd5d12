"""Models at work for the session: loaded once, kept while there is room. Called in the run lane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitviz.core.data.trace import Picture, Trace
from vitviz.core.progress import Progress
from vitviz.session.work.byte_cache import ByteCache
from vitviz.session.work.request import ModelRequest

if TYPE_CHECKING:
    from vitviz.models import Model

_BYTES_PER_PARAMETER = 4


class ModelCache:
    """Loads and traces, and keeps the last few models."""

    def __init__(self, budget: int) -> None:
        self.models: ByteCache[ModelRequest, Model] = ByteCache(budget)

    def load(self, request: ModelRequest, progress: Progress) -> Model:
        """The loaded model, from the shelf where it was loaded before. BadModel when it cannot be."""
        kept = self.models.get(request.model)
        if kept is not None:
            return kept
        from vitviz import models

        model = models.load(
            request.name,
            pretrained=request.pretrained,
            patch_size=request.patch_size,
            input_size=request.input_size,
            device=request.device,
            precision=request.precision,
            architecture=request.architecture,
            **request.facts.arguments,
            progress=_named(progress, f"loading model {request.words}"),
        )
        self.models.put(request.model, model, model.info.parameters * _BYTES_PER_PARAMETER)
        return model

    def trace(self, request: ModelRequest, picture: Picture, progress: Progress) -> Trace:
        """All that the model did with the picture. VitvizError with the reason where it cannot."""
        model = self.load(request, progress)
        from vitviz import models

        named = _named(progress, f"reading {picture.name}")
        return models.trace(model, picture, fit=request.fit, progress=named)


def _named(progress: Progress, doing: str) -> Progress:
    def report(done: float, total: float, what: str = "") -> None:
        progress(done, total, f"{doing}: {what}" if what else doing)

    report(0, 0)
    return report
