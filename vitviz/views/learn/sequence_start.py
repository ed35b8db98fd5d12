"""z₀, what the first block reads: tokens, plus what tells each of them its place."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float32

from vitviz.core.colors import ColorScale
from vitviz.core.data.block_steps import SequenceStart
from vitviz.core.data.drawing import Drawing, Panel
from vitviz.core.data.drawing.token_rows import RowsPart, TokenRows
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Table
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.notation import shown_number
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import OptionHelp
from vitviz.views.shared import model_questions, picture_layers, token_matrices
from vitviz.views.shared.cache_per_trace import kept

MatrixRange = Literal["each matrix", "one for all"]
SumPart = Literal["tokens", "positions", "sum"]
PARTS: tuple[SumPart, ...] = ("tokens", "positions", "sum")


def positions_needed(trace: Trace) -> str:
    """Why nothing is added to a trace's tokens; "" where something is."""
    if trace.positions is not None:
        return ""
    why = trace.positions_note.rstrip(".") or _(
        "this model adds no table of positions to its patches"
    )
    return _("nothing is added to the tokens of {called}: {why}").format(
        called=trace.model.called, why=why
    )


@view(
    "z0",
    title="z₀: tokens + positions",
    shows=(
        "The first block reads a sum: the class token and the embedded patches, one below the "
        "other, "
        "plus a learned vector for every place. All three are drawn with the model's own "
        "numbers; the "
        "table adds up the first numbers of the chosen token, and says how exactly the sum is what "
        "the block was given. Every line of a matrix is a token; point at one to see its patch."
    ),
    formula="z₀ = [x_class; x₁E; x₂E; …; x_N E] + E_pos, E of P²C × D, E_pos of (N + 1) × D",
    source="Dosovitskiy et al. 2020, arXiv:2010.11929, eq. 1",
    follows=("token",),
    order=95,
    applies=positions_needed,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    colours: Annotated[
        MatrixRange, OptionHelp("Each matrix in its own range, or one range that compares them")
    ] = "each matrix",
    numbers: Annotated[int, OptionHelp("How many numbers of the token are added up", 2, 16, 1)] = 8,
) -> Drawing:
    """The three matrices, and the chosen token's line of them in numbers.

    Unsupported for a model that adds no positions to its tokens.
    """
    refused = positions_needed(trace)
    if refused:
        raise Unsupported(refused)
    try:
        start = model_questions.sequence(trace)
        if start.positions is None:
            raise Unsupported(
                _("nothing is added to the tokens of {called}").format(called=trace.model.called)
            )
    except Unsupported as why:
        return model_questions.refused(trace, "z0", _("z₀"), why)
    rows = _rows(trace)
    marks = token_matrices.chosen_lines(rows, trace, selection)
    panels = tuple(
        Panel(
            (token_matrices.matrix(_values(start, part), rows.parts[0].box, scale), *marks),
            _around(rows.parts[0].box),
            title,
            rows,
            scale,
            _lengths(trace, start, part, selection),
        )
        for part, scale, title in zip(
            PARTS, _scales(trace, colours), _titles(trace, start), strict=True
        )
    )
    picture = token_matrices.patches_panel(
        trace, selection, _("The patches that the lines are of"), weight=0.5
    )
    token = selection.token(trace.grid, trace.crop)
    said = (
        _(
            "Largest difference between the sum and what the first block was given: "
            "{difference}, of numbers up to {largest}."
        ).format(difference=shown_number(start.difference, 2), largest=shown_number(start.largest)),
        token_matrices.clipped_words(_scales(trace, colours)),
    )
    return Drawing(
        "z0",
        _("z₀ = {joined} + E_pos: {token}").format(
            joined=_joined(trace), token=picture_layers.token_words(trace.grid, token)
        ),
        ((*panels, picture), (_table(trace, start, token, numbers),)),
        picture_layers.caption(trace, *said),
    )


def _joined(trace: Trace) -> str:
    names = {"class": "x_class", "distillation": "x_dist"}
    registers = sum(name.startswith("register") for name in trace.grid.prefix)
    front = [names[name] for name in trace.grid.prefix if name in names]
    front += [_("{registers} registers").format(registers=registers)] if registers else []
    return f"[{'; '.join([*front, 'x_p E'])}]"


def _titles(trace: Trace, start: SequenceStart) -> tuple[str, str, str]:
    tokens, dim = start.tokens.shape
    return f"{_joined(trace)}: {tokens} × {dim}", "+ E_pos", "= z₀"


def _values(start: SequenceStart, part: SumPart) -> Float32[np.ndarray, "token dim"]:
    match part:
        case "tokens":
            return start.joined
        case "positions":
            assert start.positions is not None
            return start.positions
        case "sum":
            return start.tokens


@kept(most=2)
def _scales(trace: Trace, colours: MatrixRange) -> tuple[ColorScale, ...]:
    start = model_questions.sequence(trace)
    values = [_values(start, part) for part in PARTS]
    if colours == "one for all":
        return (token_matrices.signed_scale(*values),) * 3
    return tuple(token_matrices.signed_scale(each) for each in values)


@kept(most=1)
def _rows(trace: Trace) -> TokenRows:
    """A line a token, in a box of a shape that can be seen."""
    tokens, dim = model_questions.sequence(trace).tokens.shape
    wide = 100 * min(max(dim / tokens, 0.45), 0.6)
    return TokenRows(
        trace.crop, trace.grid, (RowsPart(Box(0, 0, 100, wide), tuple(range(tokens))),)
    )


def _around(box: Box) -> Box:
    """With room for the arrows that point at a line."""
    return Box(box.top, box.left - 4, box.bottom, box.right + 4)


def _lengths(
    trace: Trace, start: SequenceStart, part: SumPart, selection: Selection
) -> tuple[tuple[str, str], ...]:
    """How long the chosen token's vector is, and one is on average."""
    values = _values(start, part)
    lengths = np.linalg.norm(values.astype(np.float64), axis=1)
    token = selection.token(trace.grid, trace.crop)
    return (
        (_("length here"), f"{lengths[token]:.2f}"),
        (_("mean length"), f"{lengths.mean():.2f}"),
    )


def _table(trace: Trace, start: SequenceStart, token: int, numbers: int) -> Panel:
    """The chosen token's first numbers, added up."""
    count = min(numbers, start.tokens.shape[1])
    place = trace.grid.place(token)
    own = "x_p E" if place is not None else f"x_{trace.grid.name(token)}"
    lines = tuple(
        (name, *(_number(each) for each in _values(start, part)[token, :count]))
        for name, part in zip((own, "+ E_pos", "= z₀"), PARTS, strict=True)
    )
    table = Table((trace.grid.name(token), *(str(index + 1) for index in range(count))), lines, 2)
    box = Box(0, 0, len(lines) + 1, 0.5 * sum(table.widths))
    named = picture_layers.token_words(trace.grid, token)
    title = _("The first {count} of {dim} numbers of {named}").format(
        count=count, dim=start.tokens.shape[1], named=named
    )
    return Panel((table,), box, title)


def _number(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")
