"""A block as a diagram: norm, attention, residual, norm, MLP, residual, so many times, one step lit."""

from __future__ import annotations

from typing import Annotated, Literal

from vitviz.core.data.block_steps import BlockSteps
from vitviz.core.data.drawing import Drawing, Panel
from vitviz.core.data.drawing.diagram import Diagram, DiagramArrow, DiagramBox, DiagramTone
from vitviz.core.data.geometry import Box, Spot
from vitviz.core.data.plots import Table
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.core.notation import shown_number
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import OptionHelp
from vitviz.views.shared import heads_over_depth, model_questions, picture_layers

BlockPart = Literal["norm", "attention", "residual", "second norm", "MLP", "second residual"]
LitPart = Literal["none", "norm", "attention", "residual", "second norm", "MLP", "second residual"]

SAID: dict[LitPart, str] = {
    "none": N_("norm, attention, residual, norm, MLP, residual"),
    "norm": N_(
        "every token alone is brought to mean 0 and spread 1, then scaled by what was learned"
    ),
    "attention": N_("tokens look at each other: the only step where they do"),
    "residual": N_("what attention found is added to the stream; nothing is replaced"),
    "second norm": N_("every token alone is normalised once more"),
    "MLP": N_("every token alone goes through two layers, widened and brought back"),
    "second residual": N_(
        "what the MLP made is added to the stream, which goes on to the next block"
    ),
}
HIGH, BEFORE, WORDS = 44.5, 12.0, 16.0
"""Height of the diagram, width of what is before the block, and of a TNT's words in it."""


@view(
    "block_diagram",
    title="The block",
    shows=(
        "What every layer of a vision transformer does, as a diagram with this model's shapes: a "
        "stream of tokens goes through, and twice something is read from it, worked on and "
        "added to "
        "it. Attention is the only step where tokens see each other. The numbers are how long the "
        "chosen token's vector is, and how long what is added to it. Light up one step after the "
        "other under its options."
    ),
    formula="z′ = z + MSA(norm(z));  z″ = z′ + MLP(norm(z′))",
    source="Dosovitskiy et al. 2020, arXiv:2010.11929, figure 1 (right) and eqs. 2-3; Vaswani et al. "
    "2017, arXiv:1706.03762",
    follows=("token", "layer"),
    order=97,
    applies=heads_over_depth.layers_needed,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    step: Annotated[LitPart, OptionHelp("The step that is lit")] = "none",
) -> Drawing:
    """The chosen layer's block with its shapes, and the chosen token's lengths in it.

    Unsupported for a model without attention among tokens.
    """
    model_questions.check_attends(trace)
    layer = selection.layer(len(trace.layers))
    try:
        found = model_questions.block(trace, layer)
    except Unsupported as why:
        return model_questions.refused(trace, "block_diagram", _("The block"), why)
    token = selection.token(trace.layers[layer].grid, trace.crop)
    panel = Panel(
        (_diagram(trace, found, layer, token, step),),
        Box(0, 0, HIGH, BEFORE + (0 if found.words is None else WORDS) + 110),
        f"{picture_layers.layer_words(trace, layer).capitalize()}: {_(SAID[step])}",
    )
    return Drawing(
        "block_diagram",
        _("One of {count} blocks that all do the same").format(count=len(trace.layers)),
        ((panel,), (_lengths(trace, found, token, step),)),
        picture_layers.caption(
            trace,
            _("‖z‖ is the length of the chosen token's vector; + is that of what is added to it."),
        ),
    )


def _diagram(trace: Trace, found: BlockSteps, layer: int, token: int, lit: LitPart) -> Diagram:
    """The stream below, from left to right; the two branches above."""
    shapes = {step.name: step.shape for step in found.steps}
    tokens, dim = _last(shapes.get("norm", ())), ""
    heads = shapes.get("softmax", ())
    wide = shapes.get("MLP, widened", ())
    stream = 34.0
    told = found.words is not None
    first = BEFORE + (WORDS if told else 0.0)
    names: tuple[tuple[BlockPart, str, str, Box], ...] = (
        ("norm", "norm", tokens, Box(10, first + 4, 18, first + 16)),
        (
            "attention",
            "attention",
            f"{_heads(heads)}{dim}",
            Box(8, first + 20, 20, first + 39),
        ),
        ("residual", "+", "", Box(stream - 3, first + 43, stream + 3, first + 49)),
        ("second norm", "norm", tokens, Box(10, first + 53, 18, first + 65)),
        ("MLP", "MLP", _mlp(shapes, wide), Box(8, first + 68, 20, first + 82)),
        ("second residual", "+", "", Box(stream - 3, first + 84, stream + 3, first + 90)),
    )
    boxes = [DiagramBox(_(text), box, _tone(part, lit), note) for part, text, note, box in names]
    box = {part: box for part, _unused, _unused, box in names}
    inside = Box(3, BEFORE, 43, first + 93)
    behind = tuple(_frame(inside, by) for by in (2.0, 1.0, 0.0))
    words = [
        _text(f"× {len(trace.layers)}", Box(38, first + 80, 42.5, first + 92), "right"),
        _text(f"‖z‖ {_length(found.before[token])}", Box(stream + 1.5, 0, stream + 5, BEFORE - 1)),
        _text(_("tokens"), Box(stream - 5, 0, stream - 1.5, BEFORE - 1)),
        _text(f"+ {_length(found.attention[token])}", Box(24, first + 34, 28, first + 45), "right"),
        _text(f"+ {_length(found.mlp[token])}", Box(24, first + 74, 28, first + 86), "right"),
    ]
    arrows = _arrows(box, stream, first, lit)
    if told:
        words.append(
            DiagramBox(_("words"), Box(8, BEFORE + 2, 20, BEFORE + 15), "plain", _("inner block"))
        )
        middle = BEFORE + 8.5
        arrows = (*arrows, DiagramArrow((Spot(20, middle), Spot(stream, middle))))
    after = Box(stream + 1.5, first + 95.5, stream + 5, first + 110)
    words.append(_text(f"‖z‖ {_length(found.after[token])}", after))
    return Diagram((*behind, *boxes, *words), arrows)


def _frame(inside: Box, by: float) -> DiagramBox:
    """The block's own frame, or one of those behind it."""
    box = Box(inside.top - by, inside.left + by, inside.bottom - by, inside.right + by)
    return DiagramBox("", box, "quiet")


def _arrows(
    box: dict[BlockPart, Box], stream: float, first: float, lit: LitPart
) -> tuple[DiagramArrow, ...]:
    plus, last = box["residual"], box["second residual"]

    return (
        DiagramArrow((Spot(stream, 0), Spot(stream, plus.left)), _tone("residual", lit)),
        DiagramArrow(
            (Spot(stream, plus.right), Spot(stream, last.left)), _tone("second residual", lit)
        ),
        DiagramArrow((Spot(stream, last.right), Spot(stream, first + 110))),
        *_branch(box, stream, first + 2, ("norm", "attention", "residual"), lit),
        *_branch(box, stream, first + 51, ("second norm", "MLP", "second residual"), lit),
    )


def _branch(
    box: dict[BlockPart, Box],
    stream: float,
    at: float,
    parts: tuple[BlockPart, BlockPart, BlockPart],
    lit: LitPart,
) -> tuple[DiagramArrow, ...]:
    """From the stream through a norm and what is done, to where it is added."""
    norm, work, into = (box[part] for part in parts)
    row, (one, two, three) = norm.centre.row, (_tone(part, lit) for part in parts)
    return (
        DiagramArrow((Spot(stream, at), Spot(row, at), Spot(row, norm.left)), one),
        DiagramArrow((Spot(row, norm.right), Spot(row, work.left)), two),
        DiagramArrow(
            (Spot(row, work.right), Spot(row, into.centre.col), Spot(into.top, into.centre.col)),
            three,
        ),
    )


def _tone(part: LitPart, lit: LitPart) -> DiagramTone:
    return "chosen" if part == lit else "plain"


def _text(words: str, box: Box, align: Literal["centre", "left", "right"] = "centre") -> DiagramBox:
    return DiagramBox(words, box, frame=False, align=align)


def _last(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape[-2:]))


def _heads(shape: tuple[int, ...]) -> str:
    return (
        _("{heads} heads: {last}").format(heads=shape[-3], last=_last(shape))
        if len(shape) >= 3
        else _("among tokens")
    )


def _mlp(shapes: dict[str, tuple[int, ...]], wide: tuple[int, ...]) -> str:
    out = shapes.get("MLP out", ())
    return f"{out[-1]} → {wide[-1]} → {out[-1]}" if wide and out else _("each token alone")


def _length(value: float) -> str:
    return shown_number(value)


def _lengths(trace: Trace, found: BlockSteps, token: int, lit: LitPart) -> Panel:
    """How long the token's vector is at the stations of the stream, beside the mean of all tokens."""
    named = picture_layers.token_words(trace.grid, token)
    lines = [
        (N_("stream in"), found.before),
        (N_("+ attention"), found.attention),
        (N_("+ MLP"), found.mlp),
    ]
    if found.words is not None:
        lines.insert(1, (N_("+ words"), found.words))
    lines.append((N_("stream out"), found.after))
    rows = tuple(
        (_(name), f"{values[token]:.3f}", f"{values.mean():.3f}") for name, values in lines
    )
    marked: dict[LitPart, str] = {
        "attention": "+ attention",
        "residual": "+ attention",
        "MLP": "+ MLP",
        "second residual": "+ MLP",
    }
    chosen = next((at for at, (name, _unused) in enumerate(lines) if name == marked.get(lit)), None)
    table = Table((_("length of the vector"), named, _("mean of all tokens")), rows, chosen)
    return Panel(
        (table,), Box(0, 0, len(rows) + 1, 0.5 * sum(table.widths)), _("How much is added")
    )
