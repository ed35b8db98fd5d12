"""How much of what is shown is known: the numbers, the places of the tokens, and the model itself.

Each of the three says how it is known; a badge has the colour of the worst.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from vitviz.core.data.evidence import Evidence, assumed, assumed_sentence
from vitviz.core.notation import shown_number

BadgeState = Literal["good", "assumed", "bad"]
"""Green, amber and red, from best to worst."""
TokenPlaces = Literal["family", "gradient", "measured", "unknown"]
"""Where tokens lie: as their family's geometry has it, as gradients prove it, as changed pictures show
it, or laid on no picture."""

_ORDER: tuple[BadgeState, ...] = ("good", "assumed", "bad")
_SIGNS: dict[BadgeState, str] = {"good": "✓", "assumed": "?", "bad": "!"}


@dataclass(frozen=True, slots=True)
class NumbersBadge:
    """How the maps are known to be the model's own.

    `compared` calls were recomputed from q and k, and attention @ v held against the module's own
    output: `error` is the largest relative difference, in the model's `precision`. Of `taken` calls the
    softmax is the one that the module made itself. `refused` says of each other call why it is not
    shown.
    """

    compared: int
    taken: int
    error: float
    precision: str
    refused: tuple[str, ...] = ()

    @property
    def state(self) -> BadgeState:
        """Bad where maps are missing."""
        return "bad" if self.refused else "good"

    @property
    def words(self) -> str:
        """What the badge shows of it."""
        if self.refused:
            return f"{len(self.refused)} refused"
        return (
            f"verified {shown_number(self.error, 1)}"
            if self.compared
            else "the model's own softmax"
        )

    @property
    def line(self) -> str:
        """How it is known, in a sentence."""
        said = []
        if self.compared:
            said.append(
                f"attention of {_calls(self.compared)} recomputed, attention @ values compared with "
                "the module's own output over sampled tokens: largest relative difference "
                f"{shown_number(self.error)} in {self.precision}"
            )
        if self.taken:
            said.append(f"the softmax of {_calls(self.taken)} taken from the module itself")
        said += self.refused
        return f"Numbers: {'; '.join(said) or 'no attention was recorded'}."

    @property
    def clause(self) -> str:
        """The same in a few words."""
        said = []
        if self.compared:
            said.append(f"compared with the model's output ({shown_number(self.error, 1)})")
        if self.taken:
            said.append("taken from the model itself")
        if self.refused:
            said.append(f"{len(self.refused)} refused")
        return f"numbers {' and '.join(said) or 'of no attention'}"


@dataclass(frozen=True, slots=True)
class PlacesBadge:
    """How it is known which pixels a token stands for; `unplaced` calls are laid on no picture."""

    how: TokenPlaces
    unplaced: int = 0

    @property
    def state(self) -> BadgeState:
        """Good: what cannot be placed is not laid on the picture."""
        return "good"

    @property
    def line(self) -> str:
        """How it is known, in a sentence."""
        more = f"; {_calls(self.unplaced)} laid on no picture" if self.unplaced else ""
        match self.how:
            case "family":
                return f"Places: by the geometry of the model's family{more}."
            case "gradient":
                return f"Places: proven by the gradient of each token{more}."
            case "measured":
                return f"Places: measured by changing the picture, token by token{more}."
            case "unknown":
                return "Places: not known, so no map is laid on the picture."
            case _:
                assert_never(self.how)

    @property
    def clause(self) -> str:
        """The same in a few words."""
        return {
            "family": "places by the family's geometry",
            "gradient": "places proven by gradient",
            "measured": "places measured by changing the picture",
            "unknown": "places unknown",
        }[self.how]


@dataclass(frozen=True, slots=True)
class ModelBadge:
    """How it is known that this is the model in the file, prepared as it was trained."""

    evidence: tuple[Evidence, ...] = ()
    partly: bool = False
    """Whether some of its weights are random."""

    @property
    def state(self) -> BadgeState:
        """Assumed where anything is that maps depend on, or weights are missing."""
        return "assumed" if self.partly or assumed(self.evidence) else "good"

    @property
    def words(self) -> str:
        """What the badge shows of it; "" where nothing is assumed."""
        said = assumed_sentence(self.evidence)
        return said or ("partly loaded" if self.partly else "")

    @property
    def line(self) -> str:
        """How it is known, in a sentence."""
        said = [_fact(each) for each in self.evidence]
        if self.partly:
            said.append("some of its weights are not in the file and random")
        return f"Model: {'; '.join(said) or 'known by its name'}."

    @property
    def clause(self) -> str:
        """The same in a few words."""
        if self.words:
            return self.words
        proven = any(each.certainty == "proven" for each in self.evidence)
        return "model proven by its tensors" if proven else "model known"


@dataclass(frozen=True, slots=True)
class Badge:
    """What is known of a trace, in three parts."""

    numbers: NumbersBadge
    places: PlacesBadge
    model: ModelBadge

    @property
    def state(self) -> BadgeState:
        """The worst of the three."""
        states = (self.numbers.state, self.places.state, self.model.state)
        return max(states, key=_ORDER.index)

    @property
    def words(self) -> str:
        """The badge itself: what is worst, else how the numbers are known."""
        worst = self.state
        said = self.model.words if worst == "assumed" else self.numbers.words
        return f"{_SIGNS[worst]} {said}"

    @property
    def lines(self) -> tuple[str, str, str]:
        """The three parts, a sentence each."""
        return self.numbers.line, self.places.line, self.model.line

    @property
    def clause(self) -> str:
        """All of it in one short sentence, for captions."""
        said = f"{self.numbers.clause}, {self.places.clause}, {self.model.clause}."
        return said[:1].upper() + said[1:]


def clauses(badges: Sequence[Badge]) -> str:
    """The clauses of several traces, said once where they say the same."""
    return " ".join(dict.fromkeys(badge.clause for badge in badges))


def _calls(count: int) -> str:
    return "1 layer" if count == 1 else f"{count} layers"


def _fact(one: Evidence) -> str:
    because = f" ({one.because})" if one.because else ""
    return f"{one.fact} {one.certainty}: {one.value}{because}"
