"""What if: one thing that is changed about a model's pass, frozen, so that it can be made again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from vitviz.core.counted import head_name, layer_name

PositionChange = Literal["learned", "removed", "shuffled", "sin-cos"]
Patches = Literal["in place", "shuffled"]
Inner = Literal["as trained", "each word alone", "blocks off"]
LayerNeurons = tuple[tuple[int, int], ...]
NeuronsGo = Literal["to an added token", "nowhere"]


@dataclass(frozen=True, slots=True)
class Intervention:
    """What is done to positions, patches, heads and words in a pass; the defaults change nothing.

    >>> change = vitviz.Intervention(positions="shuffled", heads=((0, 1),))
    >>> change.words
    'positions shuffled, layer 1 head 2 taken out'
    >>> vitviz.trace(model, photo, intervention=change).intervention == change
    True
    >>> vitviz.Intervention().nothing
    True

    `positions`: the learned rows of the patches as they are, zeros instead ("removed"), in another
    order ("shuffled"), or two-dimensional sines and cosines of the same mean length ("sin-cos");
    prefix tokens keep theirs. Where places are told by rotations or a bias on scores, these are
    taken out or those of another order. `patches` are shown in their places or in another order.
    `masked` are patches (reading order, from 0) shown as the model's mean grey. `heads` are (layer,
    head), from 0, that add nothing. `seed` is that of all shuffling.

    `inner` is the inner level of a Transformer in Transformer: as it was trained; every word looks
    at itself alone, so that no word learns of another; or the inner blocks, attention and MLP, add
    nothing, so that sentences read their words as they were embedded.

    `even` are (layer, head), from 0, that look at every token alike. The picture itself may be `turned`
    (degrees, clockwise), `blurred` (sigma of a Gaussian in the model's pixels), `darkened` (0 to 1) and
    `moved` (down, right, as shares of its sides); what comes into it is the model's mean grey.

    `neurons` are (layer, neuron) of MLPs, from 0, that write nothing into patches: their largest
    activations go to an added token (a test-time register, arXiv:2506.08010), or nowhere.
    """

    positions: PositionChange = "learned"
    patches: Patches = "in place"
    masked: tuple[int, ...] = ()
    heads: tuple[tuple[int, int], ...] = ()
    seed: int = 0
    inner: Inner = "as trained"
    even: tuple[tuple[int, int], ...] = ()
    turned: float = 0.0
    blurred: float = 0.0
    darkened: float = 0.0
    moved: tuple[float, float] = (0.0, 0.0)
    neurons: LayerNeurons = ()
    neurons_go: NeuronsGo = "to an added token"

    @property
    def changes_picture(self) -> bool:
        """Whether the picture itself is turned, blurred, darkened or moved."""
        return bool(self.turned or self.blurred or self.darkened or any(self.moved))

    @property
    def nothing(self) -> bool:
        """Whether it changes nothing."""
        return self == Intervention(seed=self.seed, neurons_go=self.neurons_go)

    def beside(self, own: Intervention | None) -> Intervention:
        """It together with what is changed already: heads, patches and neurons of both, of everything
        else what it says itself.
        """
        if own is None or own.nothing:
            return self
        blank = Intervention()
        said = {
            name: value
            for name in Intervention.__slots__
            if (value := getattr(self, name)) != getattr(blank, name)
        }
        for name in ("masked", "heads", "even", "neurons"):
            said[name] = tuple(dict.fromkeys((*getattr(own, name), *getattr(self, name))))
        return replace(own, **said)

    @property
    def words(self) -> str:
        """What is changed, in a clause."""
        said = []
        if self.positions != "learned":
            said.append(
                {
                    "removed": "positions removed",
                    "shuffled": "positions shuffled",
                    "sin-cos": "positions by sines and cosines",
                }[self.positions]
            )
        if self.patches == "shuffled":
            said.append("patches shuffled")
        if self.masked:
            said.append(f"{len(self.masked)} patch{'es' * (len(self.masked) > 1)} masked")
        if self.heads:
            named = ", ".join(f"{layer_name(a)} {head_name(b)}" for a, b in self.heads)
            said.append(f"{named} taken out")
        if self.even:
            named = ", ".join(f"{layer_name(a)} {head_name(b)}" for a, b in self.even)
            said.append(f"{named} looking everywhere alike")
        if self.neurons:
            count = len(self.neurons)
            writing = f"{count} neuron{'s' * (count > 1)} writing"
            said.append(f"{writing} {self.neurons_go} instead of into patches")
        said += self._picture_words()
        if self.inner != "as trained":
            said.append(
                {
                    "each word alone": "each word looking only at itself",
                    "blocks off": "inner blocks off",
                }[self.inner]
            )
        return ", ".join(said) or "nothing changed"

    def _picture_words(self) -> list[str]:
        said = []
        if self.turned:
            said.append(f"the picture turned by {self.turned:g}°")
        if self.blurred:
            said.append(f"blurred with σ {self.blurred:g}")
        if self.darkened:
            said.append(f"darkened by {self.darkened:.0%}")
        if any(self.moved):
            down, right = self.moved
            said.append(f"moved {down:.0%} down and {right:.0%} right")
        return said
