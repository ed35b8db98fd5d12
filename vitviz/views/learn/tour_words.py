"""What the walk through says at each step, with the numbers of the model and the picture."""

from __future__ import annotations

from collections.abc import Callable

from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.views.shared import picture_layers


def _field(trace: Trace) -> str:
    rows, cols = trace.crop.model
    return _(
        "A convolution of 3 × 3 looks at the nearest pixels; five of them see 11 × "
        "11 of the {cols} × {rows} here. Attention may look anywhere from the first "
        "layer on. Point at a patch: the boxes are what convolutions reach, the map "
        "is where it looks. Each point of the plot is a head of one of the "
        "{layers} layers: some stay near, some look far across."
    ).format(cols=cols, rows=rows, layers=len(trace.layers))


def _patches(trace: Trace) -> str:
    grid = trace.grid
    high, wide = (f"{side:g}" for side in grid.patch)
    return _(
        "A transformer reads a row of things, so the picture is cut into {grid} of "
        "{wide} × {high} pixels and laid out row by row: {count} patches. The pattern "
        "above the matrix says it exactly; every line is a patch, and arrows point "
        "at the chosen one. Try the others, or write your own under Pattern on the "
        "right."
    ).format(
        grid=picture_layers.grid_words(grid, _("patches")),
        wide=wide,
        high=high,
        count=grid.rows * grid.cols,
    )


def _embedding(trace: Trace) -> str:
    high, wide = (round(side) for side in trace.grid.patch)
    dim, words = trace.model.dim, trace.grid.words
    if words is not None:
        return _(
            "A patch of {wide} × {high} pixels is a sentence of {across} × {down} "
            "words. A convolution whose windows overlap makes each word; its filters "
            "look for edges, colours and waves. All words of a patch, side by side, "
            "go through one learned matrix and become the patch's token of {dim} "
            "numbers."
        ).format(wide=wide, high=high, across=words[1], down=words[0], dim=dim)
    if trace.model.family != "vit":
        return _(
            "How this model turns pixels into tokens of {dim} numbers stands in the "
            "table: what its first convolution reads, and what it makes of it. Its "
            "filters look for edges, colours and waves."
        ).format(dim=dim)
    return _(
        "A patch is {wide} × {high} × 3 = {numbers} numbers. One learned matrix turns "
        "them into {dim}, the token. Its filters look for edges, colours and waves. "
        "That a convolution with steps as large as its kernel does the very same is "
        "shown in the table, on this picture, by the largest difference of the two."
    ).format(wide=wide, high=high, numbers=wide * high * 3, dim=dim)


def _class(trace: Trace) -> str:
    grid = trace.grid
    front, count = grid.prefix, grid.rows * grid.cols
    if "class" in front:
        free = [name for name in front if name.startswith("register")]
        more = _(" Also in front: {free}, free for the model to use.").format(
            free=", ".join(free)
        ) * bool(free)
        if "distillation" in front:
            more += _(
                " The distillation token beside it learned a teacher's answers and has a head "
                "of its "
                "own; the answer is the mean of both heads."
            )
        return (
            _(
                "A class token, the same learned numbers for every picture, is repeated "
                "for each picture of a batch and put in front: {count} → {tokens} "
                "tokens. It has no patch of its own; it gathers what the patches say. "
                "Press C to choose it anywhere."
            ).format(count=count, tokens=grid.tokens)
            + more
        )
    if front:
        return _(
            "In front of the patches stand {front}; the answer is read from the patches."
        ).format(front=", ".join(front))
    return _("Nothing is put in front here: the answer is read from the patches together.")


def _z0(trace: Trace) -> str:
    if trace.positions is None:
        note = trace.positions_note.rstrip(".") or _("nothing is added")
        return _(
            "So far nothing tells where a patch lies. It is told in another way here: {note}."
        ).format(note=note)
    return _(
        "So far nothing tells where a patch lies: a transformer would read the patches in any "
        "order "
        "alike. So a learned vector for each place is added. Here are the real numbers: tokens, "
        "plus "
        "positions, are z₀, what the first block reads. Point at a line to see which patch it is."
    )


def _positions(trace: Trace) -> str:
    said = (
        _(
            "The vectors of neighbouring places become alike in training; nobody told it which "
            "places are "
            "neighbours."
        )
        if trace.positions is not None
        else _("Where a patch lies is told in another way here: {note}.").format(
            note=trace.positions_note.rstrip(".")
        )
    )
    return _(
        "{said} Does it matter, and which encoding? Take the positions away, mix "
        "them up or replace them by fixed waves, and compare answer and attention "
        "before and after. Without positions, mixing up the patches too (both) "
        "changes no answer: the model cannot tell."
    ).format(said=said)


def _head_row(trace: Trace) -> str:
    return _(
        "How a token looks, in one head. Each token has a query (what it asks), a key (what it "
        "offers) "
        "and a value (what it gives). Its query times every key is a score; softmax turns the "
        "scores "
        "into shares that sum to 1; the values are summed by these shares. Point at another patch, "
        "or take another head with [ and ]."
    )


def _heads(trace: Trace) -> str:
    return _(
        "Every head of every layer does that, {heads} heads in {layers} "
        "layers: layers down, heads across. Each small map is one row, laid over the "
        "picture. Some heads look near, some at one side, some at what is alike. "
        "Click a map to have it large; point at patches."
    ).format(heads=trace.heads, layers=len(trace.layers))


def _matrix(trace: Trace) -> str:
    count = trace.grid.tokens
    return _(
        "The rows of all {count} tokens together are a matrix of {count} × {count}: "
        "a line for every token that looks, a column for every token that is looked "
        "at. A bright diagonal looks at itself or its neighbours, a bright column is "
        "a token that all look at."
    ).format(count=count)


def _predict(trace: Trace) -> str:
    return _(
        "Choose a token with the arrow keys (or C), a layer and a head below. Where will it look? "
        "Paint the patches with the mouse, then reveal. Two numbers say how well you knew: the "
        "share "
        "of its attention inside what you painted, and the intersection over union at the best "
        "threshold."
    )


def _block(trace: Trace) -> str:
    return _(
        "Every one of the {layers} blocks does the same: tokens are "
        "normalised, {heads} heads let them look at each other, what they find is "
        "added (residual), they are normalised, a small network works on every token "
        "alone, and that is added too. Light up one step after the other; Inside a "
        "block, among the views, has each with its numbers."
    ).format(layers=len(trace.layers), heads=trace.heads)


def _features(trace: Trace) -> str:
    return _(
        "After the blocks, patches that show the same thing have like vectors. The map compares "
        "the "
        "chosen one with all others; the colours are the three directions in which they differ "
        "most. "
        "Open more pictures: one colour then means the same in all of them. Go through the layers "
        "(PgUp, PgDown) and see objects come together."
    )


def _answer(trace: Trace) -> str:
    answer = (
        _("In the end this model says {name}, {share:.0%}.").format(
            name=trace.predictions[0].name, share=trace.predictions[0].share
        )
        if trace.predictions
        else _("This model has no head, so it gives no answer, only features.")
    )
    read = (
        _("The head reads the class token after the last block")
        if "class" in trace.grid.prefix
        else _("The head reads all patches together after the last block")
    )
    return (
        _(
            "{read}: one matrix, a number for each of {classes:,} classes, and a "
            "softmax. The table asks it after every layer what it would answer already. "
            "{answer}"
        ).format(read=read, classes=trace.model.classes, answer=answer)
        if trace.model.classes
        else answer
    )


def _tnt(trace: Trace) -> str:
    words = trace.grid.words
    if words is None:
        return _(
            "A Transformer in Transformer reads every patch as a sentence of smaller patches, its "
            "words. It is shown on the bundled TNT, which is being loaded; your model comes back "
            "with the next step."
        )
    return _(
        "Here every patch is a sentence of {across} × {down} words. In each block "
        "the inner transformer lets the words of one sentence look at each other, a "
        "matrix adds what they found to their sentence, and the outer transformer "
        "lets the sentences look at each other, as in a ViT. Point at a place: its "
        "patch is shown large, with where the word there looks."
    ).format(across=words[1], down=words[0])


WORDS: dict[str, Callable[[Trace], str]] = {
    "field": _field,
    "patches": _patches,
    "embedding": _embedding,
    "class_token": _class,
    "z0": _z0,
    "positions": _positions,
    "head_row": _head_row,
    "heads": _heads,
    "matrix": _matrix,
    "predict": _predict,
    "block": _block,
    "features": _features,
    "answer": _answer,
    "tnt": _tnt,
}
