"""What somebody said of a model, kept by its name: nobody is asked the same twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from vitviz.core.data.said_facts import NOTHING_SAID, SaidFacts
from vitviz.session.work.request import ModelRequest

MOST = 200
"""Most models to remember."""


@dataclass(frozen=True, slots=True)
class ConfirmedModel:
    """An architecture ("" where the file says it), a picture size in pixels and further facts."""

    architecture: str = ""
    input_size: int | tuple[int, int] | None = None
    facts: SaidFacts = NOTHING_SAID

    def of(self, request: ModelRequest) -> ModelRequest:
        """The request with all of it."""
        return replace(
            request,
            architecture=self.architecture or None,
            input_size=self.input_size,
            facts=replace(self.facts, prompts=request.facts.prompts),
        )


def confirmed_of(request: ModelRequest) -> ConfirmedModel:
    """What a request says of its model; prompts are asked of it, not said."""
    facts = replace(request.facts, prompts=())
    return ConfirmedModel(request.architecture or "", request.input_size, facts)


def as_confirmed(
    request: ModelRequest, known: Mapping[str, ConfirmedModel], older: Mapping[str, str]
) -> ModelRequest:
    """The request as its model was confirmed before, unless it says something itself.

    `older` are the architectures alone, as earlier versions kept them.
    """
    is_said = request.architecture is not None or confirmed_of(request).facts != NOTHING_SAID
    if is_said or not request.pretrained:
        return request
    found = known.get(request.name)
    if found is not None:
        size = request.input_size or found.input_size
        return replace(found.of(request), input_size=size)
    return replace(request, architecture=older.get(request.name))


def with_confirmed(
    known: Mapping[str, ConfirmedModel], name: str, said: ConfirmedModel
) -> dict[str, ConfirmedModel]:
    """All that is known, with one more; the oldest are forgotten."""
    others = {each: value for each, value in known.items() if each != name}
    return dict([*others.items(), (name, said)][-MOST:])
