"""One pass back serves many maps: a target's gradients are kept for a while, within one budget."""

from __future__ import annotations

import threading
import weakref

from vitviz.core.data.attribution import AttributionMap, AttributionQuery
from vitviz.core.data.target import Target
from vitviz.models.attribution.attributor import TAKES_GRADIENTS, Attributor
from vitviz.models.attribution.randomised_weights import randomised
from vitviz.models.attribution.target_gradients import TargetGradients
from vitviz.models.attribution.target_score import TargetScore

BUDGET = 512 * 1024 * 1024
"""Bytes of gradients kept for all pictures together, one target of each; the oldest go first."""


class KeptGradients:
    """What is known of the targets that were asked about in one picture."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._scores: dict[Target, TargetScore] = {}

    def score(self, attributor: Attributor, target: Target) -> TargetScore:
        """The target in this model, found once."""
        if target not in self._scores:
            self._scores[target] = attributor.score(target)
        return self._scores[target]

    def map(self, attributor: Attributor, query: AttributionQuery) -> AttributionMap:
        """The map, with gradients that are there already where it takes some."""
        score = self.score(attributor, query.target)
        if query.method not in TAKES_GRADIENTS:
            return attributor.map(query, score, None)
        found = _remembered(self, query.target)
        if found is None:
            found = _remember(self, query.target, attributor.gradients(score))
        return attributor.map(query, score, found)

    def map_randomised(
        self, attributor: Attributor, query: AttributionQuery, stages: int
    ) -> AttributionMap:
        """The map of the same target with so many parts of the model at random; not kept."""
        score = self.score(attributor, query.target)
        with randomised(attributor.model.module, stages, attributor.called):
            takes = query.method in TAKES_GRADIENTS
            found = attributor.gradients(score) if takes else None
            return attributor.map(query, score, found)


_kept: weakref.WeakKeyDictionary[KeptGradients, tuple[Target, TargetGradients]] = (
    weakref.WeakKeyDictionary()
)
_lock = threading.Lock()


def _remembered(owner: KeptGradients, target: Target) -> TargetGradients | None:
    with _lock:
        known = _kept.get(owner)
        if known is None or known[0] != target:
            return None
        _kept[owner] = _kept.pop(owner)  # the newest are last
        return known[1]


def _remember(owner: KeptGradients, target: Target, found: TargetGradients) -> TargetGradients:
    with _lock:
        _kept.pop(owner, None)
        _kept[owner] = (target, found)
        total = sum(each.bytes for _, each in _kept.values())
        for oldest in list(_kept)[:-1]:
            if total <= BUDGET:
                break
            total -= _kept.pop(oldest)[1].bytes
    return found
