"""The side of a model that reads words, and prompts as what its pictures are compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vitviz.core.data.said_facts import shortened
from vitviz.core.progress import VitvizError

PromptTokens = dict[str, Tensor]
PromptRows = Float[Tensor, "prompt feature"]
ImageRows = Float[Tensor, "picture feature"]
PromptAnswers = Float[Tensor, "picture prompt"]


@dataclass(frozen=True, slots=True, eq=False)
class TextTower:
    """The text side of a model that compares pictures with words (CLIP, SigLIP).

    `tokenize` makes of prompts what `features` reads, padded as the library pads them;
    `length` counts the tokens that a prompt needs, `context` is how many may be. The model's answer is
    `scale` times the cosine plus `bias`; `each_alone` says that it is read by a sigmoid (SigLIP), not
    by a softmax over all prompts (CLIP).
    """

    tokenize: Callable[[Sequence[str]], PromptTokens]
    features: Callable[[PromptTokens], PromptRows]
    length: Callable[[str], int]
    context: int
    scale: float
    bias: float = 0.0
    each_alone: bool = False

    def rows(self, prompts: Sequence[str]) -> PromptRows:
        """One row of length 1 for each prompt. VitvizError for a prompt that cannot be read."""
        for prompt in prompts:
            self._check(prompt)
        with torch.inference_mode(False), torch.no_grad():
            found = self.features(self.tokenize(list(prompts)))
        rows: PromptRows = found / found.norm(dim=-1, keepdim=True)
        return rows

    def _check(self, prompt: str) -> None:
        if not prompt.strip():
            raise VitvizError("a prompt is empty; say what the picture shall be compared with")
        length = self.length(prompt)
        if length > self.context:
            raise VitvizError(
                f"the prompt {shortened(prompt)!r} is {length} tokens long and the model reads "
                f"{self.context}; what is behind them would be cut off, so say it shorter"
            )


@dataclass(frozen=True, slots=True, eq=False)
class PromptScores:
    """A pass whose answer has a number for each prompt: `scale` times the cosine, plus `bias`.

    `image` is the pass that gives the picture's features, `rows` are the prompts' (prompt feature),
    each of length 1.
    """

    image: Callable[[Tensor], Any]
    rows: PromptRows
    scale: float
    bias: float

    def __call__(self, pixels: Tensor) -> PromptAnswers:
        """The prompts' numbers for pixels (picture channel row col)."""
        features = self.image(pixels)
        rows = self.rows.to(features.device, features.dtype)
        cosine = features @ rows.T / features.norm(dim=-1, keepdim=True)
        answers: Tensor = self.scale * cosine + self.bias
        return answers
