"""What somebody says of a model that no tensor shows: heads, window, mean and std."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vitviz.core.data.evidence import Evidence, assumed
from vitviz.core.data.said_facts import SaidFacts
from vitviz.core.progress import BadModel, StillAssumed
from vitviz.models.loading.preprocess import Preprocess

Numbers = float | tuple[float, ...]
Counts = int | tuple[int, ...]

WAYS = {
    "architecture": ("architecture",),
    "heads": ("num_heads",),
    "window": ("window_size",),
    "mean and std": ("mean", "std"),
    "activation": ("act_layer",),
    "norm eps": ("norm_eps",),
    "pooling": ("global_pool",),
    "input size": ("input_size",),
}
"""Which arguments of `vitviz.load` say a fact."""
FLAGS = ("architecture", "num_heads", "window_size", "mean", "std", "input_size")
"""Those that the command line has too, as --num-heads and so on."""


@dataclass(frozen=True, slots=True)
class Said:
    """Facts that were said in so many words; None where nobody did.

    `num_heads` and `window_size` (tokens) are one number or one for each stage; `mean` and `std` are
    in 0..1, one number or one for each channel. `arguments` are further ones for a constructor;
    `input_size` (rows, cols) is the picture's; `crop_pct` the share of a picture's middle that is kept.
    """

    num_heads: Counts | None = None
    window_size: Counts | None = None
    mean: Numbers | None = None
    std: Numbers | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    input_size: tuple[int, int] | None = None
    crop_pct: float | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """Arguments for a constructor."""
        both = {"num_heads": self.num_heads, "window_size": self.window_size}
        said = {name: _plain(value) for name, value in both.items() if value is not None}
        return {**self.arguments, **said}

    @property
    def facts(self) -> frozenset[str]:
        """The facts (`Evidence.fact`) that are known because somebody said them."""
        said = {
            "heads": self.num_heads is not None,
            "window": self.window_size is not None,
            "mean and std": self.mean is not None and self.std is not None,
            "input size": self.input_size is not None,
            "activation": "act_layer" in self.arguments,
            "norm eps": "norm_eps" in self.arguments,
            "pooling": "global_pool" in self.arguments,
        }
        return frozenset(fact for fact, is_said in said.items() if is_said)

    def check(self) -> None:
        """BadModel for numbers that can be none: no heads, a standard deviation of 0."""
        for what, counts in (
            ("a model has at least 1 head", self.num_heads),
            ("a window has at least 1 token a side", self.window_size),
        ):
            wrong = next((each for each in _several(counts) if each < 1), None)
            if wrong is not None:
                raise BadModel(f"{what}, not {wrong:g}")
        flat = next((each for each in _several(self.std) if each <= 0), None)
        if flat is not None:
            raise BadModel(f"pictures are divided by std, which is above 0, not {flat:g}")
        for what, values in (("mean", self.mean), ("std", self.std)):
            high = next((each for each in _several(values) if each > 2), None)
            if high is not None:
                raise BadModel(f"{what} is for pixels in 0..1, not {high:g}; divide it by 255")
        if self.crop_pct is not None and not 0.1 <= self.crop_pct <= 1:
            raise BadModel(
                f"crop_pct is the share of a picture's sides that is kept, 0.1 to 1, not "
                f"{self.crop_pct:g}; timm's usual ones are 0.875, 0.9 and 1"
            )

    def prepared(self, preprocess: Preprocess) -> Preprocess:
        """The preprocessing with the mean, std and crop that were said.

        BadModel where there are more or fewer than the model has channels.
        """
        channels = len(preprocess.mean)
        mean = _channels("mean", self.mean, preprocess.mean, channels)
        std = _channels("std", self.std, preprocess.std, channels)
        if self.crop_pct is not None:
            preprocess = replace(preprocess, crop_pct=self.crop_pct, resize=())
        return replace(preprocess, mean=mean, std=std)


def said_of(facts: SaidFacts, input_size: tuple[int, int] | None = None) -> Said:
    """The same facts, as they came from a form or a command line."""
    return Said(
        facts.num_heads or None,
        facts.window_size or None,
        facts.mean or None,
        facts.std or None,
        input_size=input_size,
        crop_pct=facts.crop_pct,
    )


def refuse_assumed(evidence: tuple[Evidence, ...], name: str) -> None:
    """StillAssumed, which lists what is assumed and how it can be said; nothing where all is known."""
    guesses = assumed(evidence)
    if not guesses:
        return
    said = (
        f"{name}: {', '.join(each.value for each in guesses)} "
        f"{'is' if len(guesses) == 1 else 'are'} assumed, and strict refuses what nothing confirms; "
    )
    names = [way for each in guesses for way in WAYS.get(each.fact, ())]
    flags = [f"--{way.replace('_', '-')}" for way in names if way in FLAGS]
    raise StillAssumed(
        f"{said}{_how([f'{way}=' for way in names])}leave strict out",
        f"{said}{_how(flags)}leave --strict out",
    )


def _how(ways: Sequence[str]) -> str:
    if not ways:
        return ""
    listed = ", ".join(dict.fromkeys(ways))
    return f"say it with {listed}, in a card or config.json beside the file, or "


def _several(value: Numbers | None) -> tuple[float, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _plain(value: Counts) -> Counts:
    if isinstance(value, tuple | list):
        return value[0] if len(value) == 1 else tuple(value)
    return value


def _channels(
    what: str, said: Numbers | None, usual: tuple[float, ...], channels: int
) -> tuple[float, ...]:
    if said is None:
        return usual
    values = _several(said)
    if len(values) == 1:
        return values * channels
    if len(values) != channels:
        raise BadModel(
            f"{what} has {len(values)} numbers and the model {channels} channels; give one number, or "
            "one for each channel"
        )
    return values
