"""The walk through: from pixels to answer, step by step, with this model's and picture's numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.views import find
from vitviz.views.learn.tour_words import WORDS
from vitviz.views.options import OptionValue

TourOptions = tuple[tuple[str, OptionValue], ...]
"""Options of a view by name."""


@dataclass(frozen=True, slots=True)
class TourTry:
    """Something to try at a step: what to call it, and which options of a view it sets; whether it
    stays marked while they are so.
    """

    words: str
    view: str
    options: TourOptions
    marked: bool = True


@dataclass(frozen=True, slots=True)
class TourStep:
    """One step: its title, a few plain sentences, the views that show it, and things to try.

    `token` is what must be chosen for its views to have something to show: any patch, or the class
    token. `depth` and `head` are chosen too, where the step is about one (None: the depth stays;
    "all": all heads together). `begins` are (view, option, value) that it begins with. `model` is a
    bundled model that it is shown on, where the one that is open cannot show it.
    """

    title: str
    words: str
    views: tuple[str, ...]
    tries: tuple[TourTry, ...] = ()
    token: Literal["", "patch", "class"] = ""
    depth: float | None = None
    head: int | Literal["all"] = "all"
    begins: tuple[tuple[str, str, OptionValue], ...] = ()
    model: str = ""

    @property
    def focus(self) -> str:
        """The view that is worked with: the one that things can be tried in, else the first."""
        return self.tries[0].view if self.tries else self.views[0]


def _tries(view: str, option: str, *values: tuple[str, OptionValue]) -> tuple[TourTry, ...]:
    return tuple(TourTry(words, view, ((option, value),)) for words, value in values)


_PLAN: tuple[TourStep, ...] = (
    TourStep(
        N_("How far can one layer see?"),
        "field",
        ("field", "distance"),
        (
            TourTry(N_("5 convolutions"), "field", (("count", 5), ("cells", "pixels"))),
            TourTry(N_("50 convolutions"), "field", (("count", 50), ("cells", "pixels"))),
            TourTry(N_("one over patches"), "field", (("count", 1), ("cells", "patches"))),
        ),
        "patch",
        0.0,
    ),
    TourStep(
        N_("The picture is cut into patches"),
        "patches",
        ("patches", "einops"),
        tuple(
            TourTry(words, "einops", (("example", example), ("pattern", "")))
            for words, example in (
                (N_("rearrange: a batch into patches"), "a batch into patches"),
                (N_("rearrange: back together"), "a batch back together"),
                (N_("reduce: mean of every patch"), "mean of every patch"),
                (N_("repeat: twice as large"), "twice as large"),
            )
        ),
        "patch",
        begins=(("einops", "example", "a batch into patches"), ("einops", "pattern", "")),
    ),
    TourStep(
        N_("Each patch becomes a token: linear = convolution"),
        "embedding",
        ("embedding",),
        _tries(
            "embedding",
            "filters",
            (N_("main directions"), "principal components"),
            (N_("all filters"), "all filters"),
        ),
    ),
    TourStep(
        N_("A class token is put in front"),
        "class_token",
        ("class_token",),
        _tries(
            "class_token", "batch", (N_("one picture"), 1), (N_("a batch of 3"), 3), (N_("of 8"), 8)
        ),
        "class",
    ),
    TourStep(
        N_("z₀: places are added"),
        "z0",
        ("z0",),
        _tries(
            "z0",
            "colours",
            (N_("each in its range"), "each matrix"),
            (N_("one range"), "one for all"),
        ),
        "patch",
    ),
    TourStep(
        N_("Does it matter where a patch lies?"),
        "positions",
        ("positions", "whatif"),
        tuple(
            TourTry(words, "whatif", (("positions", positions), ("patches", patches)))
            for words, positions, patches in (
                (N_("removed"), "removed", "in place"),
                (N_("mixed up"), "shuffled", "in place"),
                (N_("fixed waves"), "sin-cos", "in place"),
                (N_("patches mixed up"), "learned", "shuffled"),
                ("both", "removed", "shuffled"),
            )
        ),
        "patch",
    ),
    TourStep(
        N_("Query, key, value: one row of one head"),
        "head_row",
        ("head_row",),
        _tries("head_row", "keys", ("5 tokens", 5), ("8 tokens", 8), ("16 tokens", 16)),
        "patch",
        0.45,
        1,
    ),
    TourStep(
        N_("All heads of all layers"),
        "heads",
        ("heads",),
        _tries(
            "heads",
            "direction",
            (N_("where it looks"), "looks at"),
            (N_("who looks"), "is looked at by"),
        ),
        "patch",
        0.45,
        1,
    ),
    TourStep(
        N_("The whole matrix of a head"),
        "matrix",
        ("matrix",),
        token="patch",
        depth=0.45,
        head=1,
    ),
    TourStep(
        N_("Predict, then reveal"),
        "predict",
        ("predict",),
        (
            TourTry("paint", "predict", (("reveal", False),)),
            TourTry("reveal", "predict", (("reveal", True),)),
            TourTry(N_("wipe all"), "predict", (("painted", ""), ("reveal", False)), marked=False),
        ),
        "patch",
        0.45,
        1,
        (("predict", "painted", ""), ("predict", "reveal", False)),
    ),
    TourStep(
        N_("The block: look around, then think"),
        "block",
        ("block_diagram",),
        _tries(
            "block_diagram",
            "step",
            *(
                (words, words)
                for words in (
                    "norm",
                    "attention",
                    "residual",
                    "second norm",
                    "MLP",
                    "second residual",
                )
            ),
        ),
        "patch",
        0.45,
        begins=(("block_diagram", "step", "norm"),),
    ),
    TourStep(
        N_("What the tokens have become"),
        "features",
        ("features", "rollout"),
        _tries(
            "features",
            "foreground",
            (N_("all patches"), "all patches"),
            (N_("one side alone"), "high first component"),
            (N_("the other side"), "low first component"),
        ),
        "patch",
        1.0,
    ),
    TourStep(
        N_("The class token turns into the answer"),
        "answer",
        ("lens", "predictions"),
        _tries(
            "lens",
            "read",
            (N_("the chosen token"), "the chosen token"),
            (N_("all that the head reads"), "all that the head reads"),
        ),
        "class",
        1.0,
    ),
    TourStep(
        N_("TNT: sentences and words"),
        "tnt",
        ("mosaic", "words"),
        _tries(
            "words",
            "direction",
            (N_("where a word looks"), "looks at"),
            (N_("who looks"), "is looked at by"),
        ),
        "patch",
        0.6,
        model="vitviz/tnt",
    ),
)
"""The steps in the order of the tutorial; `words` names what `tour_words` says of it."""


TITLES = tuple(step.title for step in _PLAN)
"""The steps' titles, the same for every model."""


def steps(trace: Trace) -> tuple[TourStep, ...]:
    """The steps for a trace; views that have nothing to show for it are left out."""
    return tuple(_for(trace, step) for step in _PLAN)


def _for(trace: Trace, step: TourStep) -> TourStep:
    """The step with what this model has to show; the patches where that is nothing."""
    words = WORDS[step.words](trace)
    reasons = {name: find(name).applies(trace) for name in step.views}
    views = tuple(name for name, why in reasons.items() if not why)
    if not views and not step.model:
        why = next(iter(reasons.values()))
        words += _(" For this model there is nothing to show at this step: {why}.").format(why=why)
    tries = tuple(replace(one, words=_(one.words)) for one in step.tries if one.view in views)
    if not trace.predictions and step.words == "answer":
        tries = ()
    begins = tuple(each for each in step.begins if each[0] in views)
    return replace(
        step,
        title=_(step.title),
        words=words,
        views=views or ("patches",),
        tries=tries,
        begins=begins,
    )
