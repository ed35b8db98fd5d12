"""What is taken out in a what-if: heads in a text, and patches one after another as a curve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Int

from vitviz.core.data.drawing import Listed, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Axis, Curve, Plot
from vitviz.core.data.prediction import scored
from vitviz.core.data.target import Target
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.progress import VitvizError
from vitviz.views.shared import model_questions
from vitviz.views.shared.cache_per_trace import kept

CURVE, STEPS = Box(0, 0, 3, 8), 24


def ticked_heads(text: str, layer: int, head: int) -> str:
    """The text of heads taken out with one more, or without it where it was there.

    >>> from vitviz.views.answers.taken_out import ticked_heads
    >>> ticked_heads("1.2", 2, 0)
    '1.2, 3.1'
    >>> ticked_heads("1.2, 3.1", 2, 0)
    '1.2'
    """
    said = [part.strip() for part in text.split(",") if part.strip()]
    one = f"{layer + 1}.{head + 1}"
    kept_in = [each for each in said if each != one]
    return ", ".join(kept_in if one in said else [*said, one])


def named_heads(trace: Trace, text: str) -> tuple[tuple[int, int], ...]:
    """Heads in a text. VitvizError for what is none."""
    found = []
    for each in (part.strip() for part in text.split(",") if part.strip()):
        layer, _unused, head = each.partition(".")
        if not (layer.isdecimal() and head.isdecimal() and 1 <= int(layer) <= len(trace.layers)):
            raise VitvizError(
                _(
                    "the head {each!r} is not LAYER.HEAD, counted from 1, of "
                    "{count} layers; say 3.1, 3.2 for example"
                ).format(each=each, count=len(trace.layers))
            )
        one = trace.layers[int(layer) - 1]
        if not 1 <= int(head) <= one.attention.heads:
            raise VitvizError(
                _("layer {layer} has no head {head}; its {heads} count from 1").format(
                    layer=layer, head=head, heads=one.attention.heads
                )
            )
        found.append((one.block, int(head) - 1))
    return tuple(dict.fromkeys(found))


def falling_panel(trace: Trace, hidden: tuple[int, ...], *, keeps: bool) -> Panel:
    """The first answer's probability while patches are hidden one after another."""
    counts, shares = _falling(trace, hidden)
    best = trace.predictions[0]
    order = _("row by row") if keeps else _("in the order they were painted")
    line = Curve(counts.astype(np.float64), shares[:, best.index].astype(np.float64), best.name)
    last = int(shares[-1].argmax())
    curves = [replace(line, tone="chosen")]
    if last != best.index:
        name = model_questions.label(trace, last)
        curves.append(Curve(line.x, shares[:, last].astype(np.float64), name, tone="second"))
    y = Axis(_("probability") if trace.model.scores == "softmax" else _("score"), 0.0, 1.0)
    plot = Plot(tuple(curves), Axis(_("patches hidden"), 0, float(counts[-1]), True), y)
    return Panel((plot,), CURVE, _("As patches are hidden, {order}").format(order=order), Listed(1))


@kept(most=8)
def _falling(
    trace: Trace, hidden: tuple[int, ...]
) -> tuple[Int[np.ndarray, "step"], Float32[np.ndarray, "step label"]]:
    """(how many are hidden, every class's share then) in up to `STEPS` steps."""
    counts = np.unique(
        np.round(np.linspace(0, len(hidden), min(len(hidden), STEPS) + 1)).astype(int)
    )
    sets = np.zeros((len(counts), trace.grid.rows * trace.grid.cols), bool)
    for row, count in enumerate(counts):
        sets[row, list(hidden[:count])] = True
    source = model_questions.source_of(trace)
    answers = source.hidden_answers(Target("output", index=0), sets, "mean").answers
    return counts, scored(answers, trace.model.scores)
