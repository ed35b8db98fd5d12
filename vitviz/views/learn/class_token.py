"""The class token: one learned vector, repeated for every picture and put in front of its patches."""

from __future__ import annotations

from typing import Annotated

from vitviz.core.colors import ColorScale
from vitviz.core.data.block_steps import SequenceStart
from vitviz.core.data.drawing import Drawing, DrawnLayer, Panel
from vitviz.core.data.drawing.diagram import Diagram, DiagramArrow, DiagramBox
from vitviz.core.data.drawing.token_rows import RowsPart, TokenRows
from vitviz.core.data.geometry import Box, Spot
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.notation import shown_number
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import OptionHelp
from vitviz.views.shared import model_questions, picture_layers, token_matrices
from vitviz.views.shared.cache_per_trace import kept

HIGH, WIDE = 100.0, 160.0
"""The picture's own measure."""
LEFT, RIGHT = (4.0, 46.0), (92.0, 134.0)
"""From where to where the two matrices lie."""
LINE = 4.0
"""Height of a token's line in front, which is drawn higher than those of the patches."""


def class_token_needed(trace: Trace) -> str:
    """Why a trace has no class token to show; "" where it has one."""
    if "class" in trace.grid.prefix:
        return ""
    others = ", ".join(trace.grid.prefix)
    return _("{called} puts no class token in front of its patches").format(
        called=trace.model.called
    ) + (
        _(", only {others}").format(others=others)
        if others
        else _("; it answers from the patches together")
    )


@view(
    "class_token",
    title="Class token",
    shows=(
        "One learned vector, the same for every picture, is repeated for all pictures of a "
        "batch and "
        "put in front of their patches: the sequence has one token more. It has no pixels; what it "
        "becomes in the layers is what the head answers from. Every line of a matrix is a token, "
        "every column one of its numbers; point at a line to see its patch."
    ),
    formula="repeat(class, '1 1 d -> b 1 d', b=B);  concatenate([class, x E], axis=1): "
    "N → N + 1 tokens",
    source="Dosovitskiy et al. 2020, arXiv:2010.11929, section 3.1, eq. 1; Devlin et al. 2018 (BERT), "
    "arXiv:1810.04805",
    follows=("token",),
    order=94,
    applies=class_token_needed,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    batch: Annotated[
        int, OptionHelp("For how many pictures the class token is repeated", 1, 8, 1)
    ] = 3,
) -> Drawing:
    """The vector, repeated; the patches; and the sequence of both. Unsupported without class token."""
    refused = class_token_needed(trace)
    if refused:
        raise Unsupported(refused)
    try:
        start = model_questions.sequence(trace)
    except Unsupported as why:
        return model_questions.refused(trace, "class_token", _("Class token"), why)
    grid, scale = trace.grid, _scale(trace)
    count, front = grid.rows * grid.cols, len(grid.prefix)
    rows = _rows(trace)
    layers: tuple[DrawnLayer, ...] = (
        *_matrices(trace, batch),
        _words(trace, start, batch),
        *token_matrices.chosen_lines(rows, trace, selection),
    )
    panel = Panel(
        layers,
        Box(0, 0, HIGH, WIDE),
        _("{count} + {front} = {tokens} tokens of {dim} numbers").format(
            count=count, front=front, tokens=grid.tokens, dim=start.patches.shape[1]
        ),
        rows,
        scale,
        weight=2,
    )
    picture = token_matrices.patches_panel(trace, selection, _("The patches that the lines are of"))
    named = ", ".join(grid.prefix)
    more = (
        (_("In front stand {front} learned tokens: {named}.").format(front=front, named=named),)
        if front > 1
        else ()
    )
    return Drawing(
        "class_token",
        _("A learned token in front: {count} patches become {tokens} tokens").format(
            count=count, tokens=grid.tokens
        ),
        ((panel, picture),),
        picture_layers.caption(
            trace,
            _(
                "What is learned is drawn higher than the patches' lines, and in a range "
                "of its own: its numbers are {value} times as large as theirs."
            ).format(value=shown_number(_times_as_large(start), 2)),
            *more,
            token_matrices.clipped_words((scale,)),
        ),
    )


@kept(most=1)
def _scale(trace: Trace) -> ColorScale:
    start = model_questions.sequence(trace)
    return token_matrices.signed_scale(start.patches, label=_("value of a patch's token"))


def _front(trace: Trace) -> float:
    """How high all tokens in front are drawn together."""
    return min(LINE * len(trace.grid.prefix), 20.0)


def _tops(trace: Trace) -> tuple[float, float]:
    """Where the patches' matrix begins on the left, and the sequence on the right."""
    return 44.0, 44.0 - _front(trace) - 1.0


@kept(most=1)
def _rows(trace: Trace) -> TokenRows:
    """Which line is which token: the patches on the left, all tokens on the right."""
    grid = trace.grid
    patches = tuple(range(grid.tokens)[grid.patches])
    front = tuple(range(len(grid.prefix)))
    body, first = _tops(trace)
    return TokenRows(
        trace.crop,
        grid,
        (
            RowsPart(Box(body, LEFT[0], HIGH, LEFT[1]), patches),
            RowsPart(Box(first, RIGHT[0], first + _front(trace), RIGHT[1]), front),
            RowsPart(Box(body, RIGHT[0], HIGH, RIGHT[1]), patches),
        ),
    )


def _copies(trace: Trace, batch: int) -> list[Box]:
    """Where the repeated vectors lie."""
    high = min(LINE, 16.0 / batch - 1)
    return [
        Box(top, LEFT[0], top + high, LEFT[1])
        for top in (18.0 + index * (high + 1) for index in range(batch))
    ]


@kept(most=4)
def _matrices(trace: Trace, batch: int) -> tuple[DrawnLayer, ...]:
    """The model's numbers, where they lie."""
    start, scale, rows = model_questions.sequence(trace), _scale(trace), _rows(trace)
    learned = token_matrices.signed_scale(start.prefix)
    own = start.prefix[trace.grid.prefix.index("class")][None]
    patches, front, body = (part.box for part in rows.parts)
    return (
        token_matrices.matrix(own, Box(5, LEFT[0], 5 + LINE, LEFT[1]), learned),
        *(token_matrices.matrix(own, box, learned) for box in _copies(trace, batch)),
        token_matrices.matrix(start.patches, patches, scale),
        token_matrices.matrix(start.prefix, front, learned),
        token_matrices.matrix(start.patches, body, scale),
    )


def _words(trace: Trace, start: SequenceStart, batch: int) -> Diagram:
    """What is done, and what everything is called."""
    grid = trace.grid
    count, dim = start.patches.shape
    body, first = _tops(trace)
    copies = _copies(trace, batch)
    middle = (LEFT[0] + LEFT[1]) / 2
    join = Box(body - 13, 57, body + 1, 82)

    def text(words: str, top: float, left: float, right: float) -> DiagramBox:
        return DiagramBox(words, Box(top, left, top + 4, right), frame=False, align="left")

    lines = [
        (
            f"{index}  {grid.name(index)}",
            first + (index + 0.5) * _front(trace) / len(grid.prefix) - 2,
        )
        for index in range(len(grid.prefix))
    ]
    if len(lines) > 5:
        lines = [lines[0], lines[-1]]
    lines += [
        (f"{len(grid.prefix)}  {grid.name(len(grid.prefix))}", body),
        (f"{grid.tokens - 1}  {grid.name(grid.tokens - 1)}", HIGH - 4),
    ]
    half = (body + HIGH) / 2
    dots = Box(half - 3, RIGHT[1] + 2, half + 3, RIGHT[1] + 8)
    boxes = (
        text(_("class token, learned: 1 × 1 × {dim}").format(dim=dim), 0.5, LEFT[0], 66),
        text(f"repeat(class, '1 1 d -> b 1 d', b={batch})", 11.5, middle + 2, 80),
        text(f"{batch} × 1 × {dim}", copies[0].centre.row - 2, LEFT[1] + 2, LEFT[1] + 30),
        text(
            _("this picture's patches: 1 × {count} × {dim}").format(count=count, dim=dim),
            body - 5,
            LEFT[0],
            56,
        ),
        DiagramBox("concatenate", join, "chosen", _("[class, patches]\nalong the sequence")),
        text(f"1 × {grid.tokens} × {dim}", first - 5, RIGHT[0], RIGHT[1]),
        *(text(words, top, RIGHT[1] + 2, WIDE) for words, top in lines),
        DiagramBox("⋮", dots, frame=False),
    )
    last = copies[-1]
    arrows = (
        DiagramArrow((Spot(5 + LINE, middle), Spot(copies[0].top, middle))),
        DiagramArrow(
            (
                Spot(last.centre.row, LEFT[1]),
                Spot(last.centre.row, join.left + 6),
                Spot(join.top, join.left + 6),
            ),
            "chosen",
        ),
        DiagramArrow(
            (
                Spot(body + 8, LEFT[1]),
                Spot(body + 8, join.left + 6),
                Spot(join.bottom, join.left + 6),
            ),
        ),
        DiagramArrow(
            (Spot(join.centre.row, join.right), Spot(join.centre.row, RIGHT[0])), "chosen"
        ),
    )
    return Diagram(boxes, arrows)


def _times_as_large(start: SequenceStart) -> float:
    """How the learned tokens' numbers compare with the patches', by their standard deviations."""
    return float(start.prefix.std()) / max(float(start.patches.std()), 1e-12)
