"""What a measurement says about its target, and what it was the last time."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LAST = Path(__file__).resolve().parents[2] / "build" / "benchmarks.json"
"""The last results, by room, device and precision; never committed."""

_NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?"
_LIMIT = re.compile(rf"(<=|>=|<|>)\s*({_NUMBER})")


@dataclass(frozen=True)
class Verdict:
    """`noise` is the share by which a measurement may miss its target and still not count as a miss."""

    what: str
    target: str
    measured: str
    noise: float

    @property
    def limit(self) -> tuple[str, float] | None:
        """The target's comparison and number; None where it only tells."""
        found = _LIMIT.search(self.target)
        return None if found is None else (found[1], _number(found[2]))

    @property
    def value(self) -> float | None:
        """The first number of what was measured."""
        found = re.search(rf"(?<![\w.]){_NUMBER}", self.measured)
        return None if found is None else _number(found[0])

    @property
    def broken(self) -> bool:
        """Whether there is a target and no number to hold against it, though all was there to be
        measured."""
        return (
            self.limit is not None and self.value is None and "was not built" not in self.measured
        )

    @property
    def missed(self) -> bool:
        """Whether the target was missed by more than the noise."""
        if self.limit is None or self.value is None:
            return False
        sign, limit = self.limit
        if sign.startswith("<"):
            return self.value > limit * (1 + self.noise)
        return self.value < limit * (1 - self.noise)

    def changed(self, before: float | None) -> str:
        """How much of the last time's it is, in words; "" where there is none."""
        if before is None or self.value is None or before == 0:
            return ""
        return f"{self.value / before:.2f} x the last time's"


def last_results(file: Path = LAST) -> dict[str, float]:
    """What was measured the last time, by what; nothing where there is no file, or one that is torn."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(what): float(value) for what, value in found.items() if _is_number(value)}


def keep_results(results: dict[str, float], file: Path = LAST) -> None:
    """Writes results over those of the same names; others stay."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(last_results(file) | results, indent=1), encoding="utf-8")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(text: str) -> float:
    return float(text.replace(",", ""))
