"""Models at work for the session: loaded once, kept while there is room. Called in the run lane."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from vitviz.core.data.trace import Picture, Trace
from vitviz.core.data.weight_files import memory_name
from vitviz.core.language import _
from vitviz.core.progress import BadModel, Progress
from vitviz.session.work.byte_cache import ByteCache
from vitviz.session.work.request import ModelRequest

if TYPE_CHECKING:
    from vitviz.models import Model

_BYTES_PER_PARAMETER = 4
_MOST_ASKED = 8
"""Sets of prompts that are kept for a model."""


class ModelCache:
    """Loads and traces, and keeps the last few models; those in memory for as long as it lives."""

    def __init__(self, budget: int) -> None:
        self.models: ByteCache[ModelRequest, Model] = ByteCache(budget)
        self._in_memory: dict[str, Model] = {}
        self._asked: WeakKeyDictionary[Model, dict[tuple[str, ...], Model]] = WeakKeyDictionary()

    def keep(self, model: Model) -> ModelRequest:
        """Keeps a model that somebody has in memory; the request that it answers to.

        Its traces are called by that name where the model has no other by which it could be loaded.
        """
        title = model.info.title or model.info.name
        name, number = memory_name(title), 1
        while name in self._in_memory:
            number += 1
            name = memory_name(f"{title} {number}")
        if model.live:
            model = replace(model, info=replace(model.info, name=name))
        self._in_memory[name] = model
        return ModelRequest(name)

    def load(self, request: ModelRequest, progress: Progress) -> Model:
        """The loaded model, from the shelf where it was loaded before. BadModel when it cannot be."""
        kept = self.models.get(request.model)
        if kept is not None:
            return kept
        if (own := self._in_memory.get(request.name)) is not None:
            _check_as_it_is(request, own)
            return own
        from vitviz import models

        model = models.load(
            request.name,
            pretrained=request.pretrained,
            patch_size=request.patch_size,
            input_size=request.input_size,
            device=request.device,
            precision=request.precision,
            architecture=request.architecture,
            **request.model.facts.arguments,
            progress=_named(progress, _("loading model {words}").format(words=request.words)),
        )
        self.models.put(request.model, model, model.info.parameters * _BYTES_PER_PARAMETER)
        return model

    def trace(self, request: ModelRequest, picture: Picture, progress: Progress) -> Trace:
        """All that the model did with the picture. VitvizError with the reason where it cannot."""
        model = self._prompted(self.load(request, progress), request.facts.prompts)
        from vitviz import models

        named = _named(progress, _("reading {name}").format(name=picture.name))
        return models.trace(
            model, picture, fit=request.fit, progress=named, intervention=request.change
        )

    def _prompted(self, model: Model, prompts: tuple[str, ...]) -> Model:
        """The model with prompts for classes, the same one each time: traces ask it again."""
        if not prompts:
            return model
        from vitviz import models

        known = self._asked.setdefault(model, {})
        found = known.get(prompts) or models.with_prompts(model, prompts)
        known.pop(prompts, None)
        known[prompts] = found
        while len(known) > _MOST_ASKED:
            del known[next(iter(known))]
        return found


def _check_as_it_is(request: ModelRequest, model: Model) -> None:
    """BadModel where a model in memory shall be another: somebody else uses it."""
    asked = {
        "device": (request.device, ("auto", model.info.device)),
        "number type": (request.precision, ("auto", model.info.precision)),
        "patch size": (request.patch_size, (None,)),
        "input size": (request.input_size, (None,)),
        "architecture": (request.architecture, (None,)),
        "preparation": (request.model.facts.arguments or None, (None,)),
    }
    for what, (wanted, possible) in asked.items():
        if wanted not in possible:
            raise BadModel(
                _(
                    "{words} is a model in memory, which stays as it is, so its {what} "
                    "cannot become {wanted}; change it where it was made, then call "
                    "vitviz.show again"
                ).format(words=request.words, what=what, wanted=wanted)
            )


def _named(progress: Progress, doing: str) -> Progress:
    def report(done: float, total: float, what: str = "") -> None:
        progress(done, total, f"{doing}: {what}" if what else doing)

    report(0, 0)
    return report
