"""What a person says of a model that no tensor shows, in plain data: the same words everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from vitviz.core.progress import VitvizError

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class SaidFacts:
    """Facts that `vitviz.load` takes beside the name; what is empty or None was not said.

    `num_heads` and `window_size` are one number or one for each stage, `mean` and `std` one or one for
    each channel, in 0..1; `crop_pct` is the share of a picture's middle that is kept. `classes` is a
    file of class names. `encoder` names one of two in a file. `strict` refuses what is still assumed.
    `prompts` are what pictures are compared with in place of classes.
    """

    num_heads: tuple[int, ...] = ()
    window_size: tuple[int, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    classes: str = ""
    multi_label: bool | None = None
    strict: bool = False
    prompts: tuple[str, ...] = ()
    crop_pct: float | None = None
    encoder: str = ""

    @property
    def arguments(self) -> dict[str, Any]:
        """Those that were said, as arguments of `vitviz.load`."""
        found: dict[str, Any] = {}
        for name in ("num_heads", "window_size", "mean", "std"):
            values = getattr(self, name)
            if values:
                found[name] = values[0] if len(values) == 1 else values
        if self.classes:
            found["classes"] = self.classes
        if self.encoder:
            found["encoder"] = self.encoder
        for name in ("multi_label", "crop_pct"):
            if (value := getattr(self, name)) is not None:
                found[name] = value
        if self.prompts:
            found["prompts"] = self.prompts
        return found | ({"strict": True} if self.strict else {})


NOTHING_SAID = SaidFacts()


def numbers_of(text: str, kind: Callable[[str], Number]) -> tuple[Number, ...]:
    """Numbers with commas between them; () for nothing. ValueError for what is none."""
    return tuple(kind(each) for each in text.split(",")) if text.strip() else ()


def prompts_of(said: str | Sequence[str]) -> tuple[str, ...]:
    """Prompts in one line with semicolons between them, or several.

    >>> from vitviz.core.data.said_facts import prompts_of
    >>> prompts_of("a red parrot; a rock")
    ('a red parrot', 'a rock')

    VitvizError for a prompt that stands there twice.
    """
    parts = said.split(";") if isinstance(said, str) else said
    found = tuple(each.strip() for each in parts if each.strip())
    twice = next((each for at, each in enumerate(found) if each in found[:at]), None)
    if twice is not None:
        raise VitvizError(f"the prompt {shortened(twice)!r} is there twice; say each once")
    return found


def shortened(prompt: str) -> str:
    """A prompt's beginning, for sentences."""
    return prompt if len(prompt) <= 40 else f"{prompt[:39]}…"
