"""How good a map is: what hiding its patches does to a target, and how that compares with chance.

Petsiuk et al. 2018, RISE, arXiv:1806.07421 (deletion and insertion); Samek et al. 2017. Usual metrics
barely tell methods from chance (arXiv:2404.01415), so chance stands beside every number here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64

from vitviz.core.language import _

ScoreCurve = Float64[np.ndarray, "step"]
PatchValues = Float[np.ndarray, "patch"]

STEPS = 14
"""Steps from the whole picture to none of it."""
RANDOM_MAPS = 10
"""Maps of chance that every map is compared with."""


def hiding_order(values: PatchValues) -> np.ndarray:
    """Patches from the highest value to the lowest; equal ones in reading order."""
    order: np.ndarray = np.argsort(-values.astype(np.float64), kind="stable")
    return order


def step_counts(patches: int, steps: int = STEPS) -> np.ndarray:
    """How many patches are hidden after each step, from none to all."""
    counts: np.ndarray = np.round(np.linspace(0, patches, steps + 1)).astype(int)
    return counts


def hidden_sets(order: np.ndarray, steps: int = STEPS) -> Bool[np.ndarray, "pass patch"]:
    """Which patches each pass hides: deletion without its ends, then insertion without its ends.

    The ends, nothing hidden and all of it, are the same for every map: `end_sets`.
    """
    counts = step_counts(len(order), steps)[1:-1]
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    deleted = rank[None] < counts[:, None]
    return np.concatenate([deleted, ~deleted])


def end_sets(patches: int) -> Bool[np.ndarray, "2 patch"]:
    """Nothing hidden, and everything."""
    return np.stack([np.zeros(patches, bool), np.ones(patches, bool)])


def curves(
    ends: Float64[np.ndarray, "2"], inner: Float64[np.ndarray, "pass"]
) -> tuple[ScoreCurve, ScoreCurve]:
    """(deletion, insertion) of the scores at both ends and at the sets of `hidden_sets`."""
    deleted, inserted = np.split(inner, 2)
    whole, nothing = ends
    return (
        np.concatenate([[whole], deleted, [nothing]]),
        np.concatenate([[nothing], inserted, [whole]]),
    )


def area(curve: ScoreCurve) -> float:
    """The mean height under a curve, by trapezoids, from 0 to 100 %."""
    return float((curve[:-1] + curve[1:]).sum() / 2 / (len(curve) - 1))


ROAD_SHARES = tuple(at / 10 for at in range(1, 10))
"""Which parts of a picture ROAD removes."""


@dataclass(frozen=True, slots=True)
class RoadNumber:
    """ROAD, Rong et al. 2022, arXiv:2202.00449: a target's mean with 10 to 90 % of the patches removed,
    the most important first and the least important first; what is around them foretells them.
    """

    most_first: float
    least_first: float

    @property
    def combined(self) -> float:
        """Half of what the order makes: 0 for chance, high is good."""
        return (self.least_first - self.most_first) / 2


def road_sets(order: np.ndarray) -> Bool[np.ndarray, "pass patch"]:
    """Which patches each pass removes: the most important first, then the least important first."""
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    counts = np.round(np.array(ROAD_SHARES) * len(order)).astype(int)[:, None]
    return np.concatenate([rank < counts, rank >= len(order) - counts])


def road_of(scores: Float64[np.ndarray, "pass"]) -> RoadNumber:
    """The number of the scores at the sets of `road_sets`."""
    most, least = np.split(scores, 2)
    return RoadNumber(float(most.mean()), float(least.mean()))


@dataclass(frozen=True, slots=True, eq=False)
class MaskingCurves:
    """What hiding patches does: most important first (deletion), or only they visible (insertion)."""

    deletion: ScoreCurve
    insertion: ScoreCurve

    @property
    def areas(self) -> tuple[float, float]:
        """Under deletion (low is good) and under insertion (high is good)."""
        return area(self.deletion), area(self.insertion)


@dataclass(frozen=True, slots=True, eq=False)
class TrustNumber:
    """A map's curves beside those of chance and of the last layer's attention."""

    own: MaskingCurves
    chance: tuple[MaskingCurves, ...]
    attention: MaskingCurves | None

    def chance_areas(self) -> Float64[np.ndarray, "map 2"]:
        """(deletion, insertion) of every map of chance."""
        return np.array([each.areas for each in self.chance])

    def against_chance(self, which: int) -> tuple[float, float]:
        """By how many times better than chance (0: deletion, 1: insertion), and its standard error."""
        return times_better(self.own.areas[which], self.chance_areas()[:, which], which == 0)

    def mean_of_chance(self) -> MaskingCurves:
        """The mean of chance's curves."""
        return MaskingCurves(
            np.mean([each.deletion for each in self.chance], axis=0),
            np.mean([each.insertion for each in self.chance], axis=0),
        )


def times_better(
    own: float, chance: Float64[np.ndarray, "map"], lower_is_better: bool
) -> tuple[float, float]:
    """A quotient that is above 1 where a map is better than chance, and its standard error."""
    mean = float(chance.mean())
    error = float(chance.std(ddof=1) / np.sqrt(len(chance))) if len(chance) > 1 else float("nan")
    tiny = 1e-12
    if lower_is_better:
        return mean / max(own, tiny), error / max(own, tiny)
    return own / max(mean, tiny), error * own / max(mean, tiny) ** 2


def quotient_words(times: float, which: int) -> str:
    """The quotient as a clause: "2.4 x better than random at removing what the class needs"."""
    task = (_("removing what the target needs"), _("keeping what the target needs"))[which]
    if not np.isfinite(times) or times <= 0:
        return _("not to be compared with random at {task}").format(task=task)
    if 0.95 <= times <= 1.05:
        return _("no better than random at {task}").format(task=task)
    if times < 1:
        return _("{value:.1f} × worse than random at {task}").format(value=1 / times, task=task)
    return _("{times:.1f} × better than random at {task}").format(times=times, task=task)


def rank_correlation(one: PatchValues, other: PatchValues) -> float:
    """Spearman's: the correlation of the ranks, equal values at their mean rank; NaN without spread."""
    first, second = ranks(one), ranks(other)
    if first.std() == 0 or second.std() == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def ranks(values: PatchValues) -> Float64[np.ndarray, "patch"]:
    """Ranks from 0, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared = last - (counts + 1) / 2
    found: Float64[np.ndarray, "patch"] = shared[inverse.ravel()].astype(np.float64)
    return found
