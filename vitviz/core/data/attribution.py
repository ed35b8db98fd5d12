"""Why this answer, as numbers: what was asked, and the map, account or table that came of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.prediction import Scores, scored
from vitviz.core.data.target import PREDICTED, Target

Method = Literal[
    "relevance",
    "gradient x attention",
    "gradient rollout",
    "LeGrad",
    "Grad-CAM",
    "LayerCAM",
    "input x gradient",
    "integrated gradients",
    "SmoothGrad",
    "occlusion",
    "RISE",
    "rollout",
    "attention",
]
"""Ways to say which patches a target depends on; "rollout" and the last layer's "attention" ask nothing
about the target and are there to compare with."""

SIGNED: frozenset[Method] = frozenset(
    {"gradient x attention", "input x gradient", "integrated gradients", "occlusion"}
)
"""Methods whose values below zero speak against the target."""

Fill = Literal["mean", "zero", "blur", "drop", "impute"]
"""What a hidden patch shows: the model's mean grey, black, the picture blurred, nothing at all (its
token is taken out of the sequence), or what the patches around it foretell, with noise."""


def one_filling(fill: Fill) -> Fill:
    """The same for methods that need one picture of it: grey where it depends on what is hidden."""
    return "mean" if fill in ("drop", "impute") else fill


READ_BY_HEAD = -1
"""In place of a token: all that the head reads."""


@dataclass(frozen=True, slots=True)
class AttributionQuery:
    """One map asked for. Fields that a method does not have are left at their defaults.

    `token` is where walks begin and rows are taken (`READ_BY_HEAD`: what the head reads); `layer` is
    that of Grad-CAM, LayerCAM and gradient x attention (None: the last that has one); `head` one
    head alone for gradient x attention; `start` the first layer of walks and of LeGrad. `steps` are
    those of integrated gradients, the samples of SmoothGrad, the masks of RISE. `noise` is
    SmoothGrad's, as a share of the range of the model's input. `window` is the side of an occluded
    square in patches, `fill` what it shows.
    """

    target: Target = PREDICTED
    method: Method = "relevance"
    token: int = READ_BY_HEAD
    layer: int | None = None
    head: int | None = None
    start: int = 0
    steps: int = 20
    noise: float = 0.15
    window: int = 1
    fill: Fill = "mean"
    seed: int = 0

    def plain(self) -> AttributionQuery:
        """The same without what its method does not look at, so that it is asked only once."""
        blank = AttributionQuery()
        keep = {"target", "method", *_LOOKS_AT[self.method]}
        changes = {
            name: getattr(blank, name) for name in AttributionQuery.__slots__ if name not in keep
        }
        return replace(self, **changes)


_LOOKS_AT: dict[Method, tuple[str, ...]] = {
    "relevance": ("token", "start"),
    "gradient x attention": ("token", "layer", "head"),
    "gradient rollout": ("token", "start"),
    "LeGrad": ("start",),
    "Grad-CAM": ("layer",),
    "LayerCAM": ("layer",),
    "input x gradient": (),
    "integrated gradients": ("steps", "fill"),
    "SmoothGrad": ("steps", "noise", "seed"),
    "occlusion": ("window", "fill"),
    "RISE": ("steps", "fill", "seed"),
    "rollout": ("token", "start"),
    "attention": ("token",),
}


@dataclass(frozen=True, slots=True, eq=False)
class AttributionMap:
    """A method's map over the patches of `grid`: the trace's, or a coarser one of a later stage.

    `value` is the target's own number, `name` what it is called with the model's labels. `prefix`
    are the values of the prefix tokens, where the method gives them some. `layers` are the maps of
    single layers, where a map is their sum. `error` is a standard error for each patch. `facts` are
    numbers that belong to the map (completeness, masks), `notes` sentences that must be read.
    """

    query: AttributionQuery
    grid: TokenGrid
    patches: Float32[np.ndarray, "patch"]
    value: float
    name: str
    prefix: tuple[tuple[str, float], ...] = ()
    layers: Float32[np.ndarray, "layer patch"] | None = None
    error: Float32[np.ndarray, "patch"] | None = None
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    forwards: float = 0.0
    """How many pictures went through the model for it; a pass with gradients counts three."""


@dataclass(frozen=True, slots=True, eq=False)
class LogitLedger:
    """A target's number as a sum: what every head of every layer took from every token, and the rest.

    `heads` are the entries of attention, `biases` those of each attention's and MLP's own constants
    together, `mlps` what each MLP added, `embedding` what each token came with, `constant` the
    head's bias and that of the last norm. `total` is the model's own number.
    """

    target: Target
    name: str
    total: float
    heads: Float32[np.ndarray, "layer head token"]
    mlps: Float32[np.ndarray, "layer"]
    biases: Float32[np.ndarray, "layer"]
    embedding: float
    constant: float

    @property
    def sum(self) -> float:
        """All entries together; equals `total` but for rounding."""
        parts = (self.heads, self.mlps, self.biases)
        entries = sum(float(part.astype(np.float64).sum()) for part in parts)
        return entries + self.embedding + self.constant


@dataclass(frozen=True, slots=True, eq=False)
class HeadImportance:
    """How a target changes when one head's output is replaced: target before minus target after.

    `ablated` was measured, one pass a head; `first_order` is what one gradient foretells. Heads that
    a layer does not have are NaN.
    """

    target: Target
    name: str
    value: float
    replaced_by: Literal["zero", "mean"]
    ablated: Float32[np.ndarray, "layer head"]
    first_order: Float32[np.ndarray, "layer head"]
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class HiddenAnswers:
    """The model's answers with patches hidden, one row for each set of them; whole, so that another
    target needs no other pass.
    """

    answers: Float32[np.ndarray, "pass output"]
    fill: Fill


@dataclass(frozen=True, slots=True, eq=False)
class TargetReading:
    """Where a target's number stands in a model's answer.

    `readout` says which numbers of the pass are the answer ("answer", "embedding", or "lens" of a
    layer); `index`, `against` and `vector` which of them the target is; `scores` how logits of
    classes become probabilities, None where the answer is no such logits.
    """

    name: str
    readout: Literal["answer", "embedding", "lens"] = "answer"
    index: int | None = None
    against: int | None = None
    vector: Float32[np.ndarray, "output"] | None = field(default=None)
    layer: int | None = None
    scores: Scores | None = None

    def score(
        self, answers: Float32[np.ndarray, "pass output"], *, probability: bool = False
    ) -> Float64[np.ndarray, "pass"]:
        """The target's number in each answer; as a share of all classes on wish."""
        rows = answers.astype(np.float64)
        if self.vector is not None:
            lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(self.vector)
            return np.asarray(rows @ self.vector / lengths)
        assert self.index is not None
        if probability and self.scores and self.against is None:
            return np.asarray(scored(rows, self.scores)[:, self.index], np.float64)
        found = rows[:, self.index]
        return found if self.against is None else found - rows[:, self.against]
