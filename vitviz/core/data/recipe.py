"""What a figure was made from, exactly: enough to make its numbers again, and no folder's name."""

from __future__ import annotations

from dataclasses import dataclass

from vitviz.core.data.intervention import Intervention
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Fit, LoadArguments, Trace, Weights

NEWEST = 3
"""The version of recipes written now; one of a newer version is refused.

3: what-if changes nothing unless told (before: positions removed); rollout adds the identity before it
divides (before: max, min and discarded maps were divided first).
"""

RecipeValue = str | float | int | bool | None


@dataclass(frozen=True, slots=True)
class RunRecipe:
    """One model over one picture: what it takes to run it again.

    `model` and `picture` are names without folders; `weights_hash` and `picture_key` say whether a
    file found under these names is the same one. `asked` is what `load` was asked for beside the name,
    `intervention` what was changed about the pass.
    """

    model: str
    weights: Weights
    weights_hash: str
    device: str
    precision: str
    picture: str
    picture_key: str
    fit: Fit = "crop"
    asked: LoadArguments = ()
    intervention: Intervention | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """One view of one run, or of two; `also` are further pictures through the same two models, `others`
    further pictures through the one model.
    """

    view: str
    options: tuple[tuple[str, RecipeValue], ...]
    selection: Selection
    run: RunRecipe
    against: RunRecipe | None = None
    also: tuple[tuple[RunRecipe, RunRecipe], ...] = ()
    others: tuple[RunRecipe, ...] = ()


@dataclass(frozen=True, slots=True)
class PageRecipe:
    """How drawings are put together on one page, in reading order, `across` in a row.

    `labels` name the drawings; with `rows` they name the columns instead, and `rows` the rows. `panel`
    takes that panel of each drawing only. `one_range`: one colour means one value on the whole page.
    """

    title: str = ""
    caption: str = ""
    across: int = 3
    labels: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    panel: int | None = None
    one_range: bool = True


def run_of(trace: Trace) -> RunRecipe:
    """What it takes to make a trace again."""
    info = trace.model
    return RunRecipe(
        info.called,
        info.weights,
        info.weights_hash,
        info.device,
        info.precision,
        trace.picture.name,
        trace.picture.key,
        trace.fit,
        info.asked,
        trace.intervention,
    )
