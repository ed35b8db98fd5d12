"""The walk through: from pixels to answer in seven steps, with this model's and picture's numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vitviz.core.data.trace import Trace
from vitviz.views import find
from vitviz.views.options import OptionValue
from vitviz.views.shared import picture_layers


@dataclass(frozen=True, slots=True)
class TourTry:
    """Something to try at a step: what to call it, and which options of a view it sets."""

    words: str
    view: str
    options: tuple[tuple[str, OptionValue], ...]


@dataclass(frozen=True, slots=True)
class TourStep:
    """One step: its title, a few plain sentences, the views that show it, and things to try.

    `token` is what must be chosen for its views to have something to show: any patch, or the class
    token.
    """

    title: str
    words: str
    views: tuple[str, ...]
    tries: tuple[TourTry, ...] = ()
    token: Literal["", "patch", "class"] = ""

    @property
    def focus(self) -> str:
        """The view that is worked with: the one that things can be tried in, else the first."""
        return self.tries[0].view if self.tries else self.views[0]


def steps(trace: Trace) -> tuple[TourStep, ...]:
    """The seven steps for a trace; views that have nothing to show for it are left out."""
    found = (
        _field(trace),
        _patches(trace),
        _embedding(trace),
        _class(trace),
        _positions(trace),
        _block(trace),
        _features(trace),
    )
    return tuple(_for(trace, step) for step in found)


def _for(trace: Trace, step: TourStep) -> TourStep:
    """The step with what this model has to show; the patches where that is nothing."""
    views = tuple(name for name in step.views if not find(name).applies(trace))
    nothing = "" if views else " For this model there is nothing to show at this step."
    tries = tuple(one for one in step.tries if one.view in views)
    return TourStep(step.title, step.words + nothing, views or ("patches",), tries, step.token)


def _field(trace: Trace) -> TourStep:
    rows, cols = trace.crop.model
    return TourStep(
        "How far can one layer see?",
        f"A convolution of 3 × 3 looks at the nearest pixels; five of them see 11 × 11 of the "
        f"{cols} × {rows} here. Attention may look anywhere from the first layer on. Point at a patch: "
        "the boxes are what convolutions reach, the map is where it looks. Each point of the plot is "
        f"a head of one of the {len(trace.layers)} layers: some stay near, some look far across.",
        ("field", "distance"),
        (
            TourTry("5 convolutions", "field", (("count", 5), ("cells", "pixels"))),
            TourTry("50 convolutions", "field", (("count", 50), ("cells", "pixels"))),
            TourTry("one over patches", "field", (("count", 1), ("cells", "patches"))),
        ),
        "patch",
    )


def _patches(trace: Trace) -> TourStep:
    grid = trace.grid
    high, wide = (f"{side:g}" for side in grid.patch)
    return TourStep(
        "The picture is cut into patches",
        f"A transformer reads a row of things, so the picture is cut into "
        f"{picture_layers.grid_words(grid, 'patches')} of {wide} × {high} pixels and laid out "
        f"row by row: "
        f"{grid.rows * grid.cols} patches. The pattern above the other two pictures says it "
        "exactly: try the three below, or write one of your own under Pattern on the right.",
        ("patches", "einops"),
        tuple(
            TourTry(words, "einops", (("example", words), ("pattern", "")))
            for words in ("cut into patches", "patches in a row", "put back together")
        ),
        "patch",
    )


def _embedding(trace: Trace) -> TourStep:
    return TourStep(
        "Each patch becomes a token",
        _embedded(trace),
        ("embedding",),
        (
            TourTry("main directions", "embedding", (("filters", "principal components"),)),
            TourTry("all filters", "embedding", (("filters", "all filters"),)),
        ),
    )


def _embedded(trace: Trace) -> str:
    high, wide = (round(side) for side in trace.grid.patch)
    dim, words = trace.model.dim, trace.grid.words
    if words is not None:
        return (
            f"A patch of {wide} × {high} pixels is a sentence of {words[1]} × {words[0]} words. A "
            "convolution whose windows overlap makes each word; its filters look for edges, colours "
            "and waves. All words of a patch, side by side, go through one learned matrix and become "
            f"the patch's token of {dim} numbers."
        )
    if trace.model.family != "vit":
        return (
            f"How this model turns pixels into tokens of {dim} numbers stands in the table: what its "
            "first convolution reads, and what it makes of it. Its filters look for edges, colours "
            "and waves."
        )
    return (
        f"A patch is {wide} × {high} × 3 = {wide * high * 3} numbers. One learned matrix turns them "
        f"into {dim}, the token. Its filters look for edges, colours and waves. That a "
        "convolution with steps as large as its kernel does the very same is shown in the table, on "
        "this picture, by the largest difference of the two."
    )


def _class(trace: Trace) -> TourStep:
    front = trace.grid.prefix
    if "class" in front:
        free = [name for name in front if name.startswith("register")]
        more = f" Also in front: {', '.join(free)}, free for the model to use." * bool(free)
        if "distillation" in front:
            more += (
                " The distillation token beside it learned a teacher's answers and has a head of its "
                "own; the answer is the mean of both heads."
            )
        said = (
            "A class token, the same for every picture, is put in front. It has no patch of its own; "
            "it gathers what the patches say. Press C to choose it." + more
        )
    elif front:
        said = f"In front of the patches stand {', '.join(front)}; the answer is read from the patches."
    else:
        said = "Nothing is put in front here: the answer is read from the patches together."
    answer = (
        f" In the end this model says {trace.predictions[0].name}, {trace.predictions[0].share:.0%}."
        if trace.predictions
        else " This model has no head, so it gives no answer, only features."
    )
    return TourStep(
        "The class token turns into the answer",
        said + " The table asks the head after every layer what it would answer already." + answer,
        ("lens",),
        tuple(
            TourTry(words, "lens", (("read", words),))
            for words in ("the chosen token", "all that the head reads")
            if trace.predictions
        ),
        "class",
    )


def _positions(trace: Trace) -> TourStep:
    said = (
        "So far nothing tells where a patch lies. A learned vector for each place is added; those of "
        "neighbours become alike."
        if trace.positions is not None
        else f"Where a patch lies is told in another way here: {trace.positions_note.rstrip('.')}."
    )
    return TourStep(
        "Each token is told its place",
        said
        + " Does it matter, and which encoding? Take the positions away, mix them up or replace "
        "them by fixed waves, and compare answer and attention before and after. Without positions, "
        "mixing up the patches too (both) changes no answer: the model cannot tell.",
        ("positions", "whatif"),
        (
            TourTry("removed", "whatif", (("positions", "removed"), ("patches", "in place"))),
            TourTry("mixed up", "whatif", (("positions", "shuffled"), ("patches", "in place"))),
            TourTry("fixed waves", "whatif", (("positions", "sin-cos"), ("patches", "in place"))),
            TourTry(
                "patches mixed up", "whatif", (("positions", "learned"), ("patches", "shuffled"))
            ),
            TourTry("both", "whatif", (("positions", "removed"), ("patches", "shuffled"))),
        ),
        "patch",
    )


def _block(trace: Trace) -> TourStep:
    heads = trace.heads
    return TourStep(
        "A block: look around, then think",
        f"Every one of the {len(trace.layers)} layers does the same: tokens are normalised, each of "
        f"{heads} heads lets them look at each other, what they find is added, and a small network "
        "works on every token alone. The table has each step with its shape. Attention is a row of "
        "numbers that sum to 1. Blocks only add: how long a token has become is how much was written.",
        ("block", "norms"),
    )


def _features(trace: Trace) -> TourStep:
    return TourStep(
        "What the tokens have become",
        "After the blocks, patches that show the same thing have like vectors. The map compares the "
        "chosen one with all others; the colours are the three directions in which they differ most. "
        "Open more pictures: one colour then means the same in all of them. Go through the layers and "
        "see objects come together.",
        ("features", "rollout"),
        (
            TourTry("all patches", "features", (("foreground", "all patches"),)),
            TourTry("one side alone", "features", (("foreground", "high first component"),)),
            TourTry("the other side", "features", (("foreground", "low first component"),)),
        ),
        "patch",
    )
