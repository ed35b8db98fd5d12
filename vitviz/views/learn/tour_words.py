"""What the walk through says at each step, with the numbers of the model and the picture."""

from __future__ import annotations

from collections.abc import Callable

from vitviz.core.data.trace import Trace
from vitviz.views.shared import picture_layers


def _field(trace: Trace) -> str:
    rows, cols = trace.crop.model
    return (
        f"A convolution of 3 × 3 looks at the nearest pixels; five of them see 11 × 11 of the "
        f"{cols} × {rows} here. Attention may look anywhere from the first layer on. Point at a "
        "patch: the boxes are what convolutions reach, the map is where it looks. Each point of the "
        f"plot is a head of one of the {len(trace.layers)} layers: some stay near, some look far "
        "across."
    )


def _patches(trace: Trace) -> str:
    grid = trace.grid
    high, wide = (f"{side:g}" for side in grid.patch)
    return (
        f"A transformer reads a row of things, so the picture is cut into "
        f"{picture_layers.grid_words(grid, 'patches')} of {wide} × {high} pixels and laid out row by "
        f"row: {grid.rows * grid.cols} patches. The pattern above the matrix says it exactly; every "
        "line is a patch, and arrows point at the chosen one. Try the others, or write your own "
        "under Pattern on the right."
    )


def _embedding(trace: Trace) -> str:
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
        f"into {dim}, the token. Its filters look for edges, colours and waves. That a convolution "
        "with steps as large as its kernel does the very same is shown in the table, on this picture, "
        "by the largest difference of the two."
    )


def _class(trace: Trace) -> str:
    grid = trace.grid
    front, count = grid.prefix, grid.rows * grid.cols
    if "class" in front:
        free = [name for name in front if name.startswith("register")]
        more = f" Also in front: {', '.join(free)}, free for the model to use." * bool(free)
        if "distillation" in front:
            more += (
                " The distillation token beside it learned a teacher's answers and has a head of its "
                "own; the answer is the mean of both heads."
            )
        return (
            "A class token, the same learned numbers for every picture, is repeated for each picture "
            f"of a batch and put in front: {count} → {grid.tokens} tokens. It has no patch of its "
            "own; it gathers what the patches say. Press C to choose it anywhere." + more
        )
    if front:
        return f"In front of the patches stand {', '.join(front)}; the answer is read from the patches."
    return "Nothing is put in front here: the answer is read from the patches together."


def _z0(trace: Trace) -> str:
    if trace.positions is None:
        note = trace.positions_note.rstrip(".") or "nothing is added"
        return f"So far nothing tells where a patch lies. It is told in another way here: {note}."
    return (
        "So far nothing tells where a patch lies: a transformer would read the patches in any order "
        "alike. So a learned vector for each place is added. Here are the real numbers: tokens, plus "
        "positions, are z₀, what the first block reads. Point at a line to see which patch it is."
    )


def _positions(trace: Trace) -> str:
    said = (
        "The vectors of neighbouring places become alike in training; nobody told it which places are "
        "neighbours."
        if trace.positions is not None
        else f"Where a patch lies is told in another way here: {trace.positions_note.rstrip('.')}."
    )
    return (
        f"{said} Does it matter, and which encoding? Take the positions away, mix them up or replace "
        "them by fixed waves, and compare answer and attention before and after. Without positions, "
        "mixing up the patches too (both) changes no answer: the model cannot tell."
    )


def _head_row(trace: Trace) -> str:
    return (
        "How a token looks, in one head. Each token has a query (what it asks), a key (what it offers) "
        "and a value (what it gives). Its query times every key is a score; softmax turns the scores "
        "into shares that sum to 1; the values are summed by these shares. Point at another patch, "
        "or take another head with [ and ]."
    )


def _heads(trace: Trace) -> str:
    return (
        f"Every head of every layer does that, {trace.heads} heads in {len(trace.layers)} layers: "
        "layers down, heads across. Each small map is one row, laid over the picture. Some heads look "
        "near, some at one side, some at what is alike. Click a map to have it large; point at "
        "patches."
    )


def _matrix(trace: Trace) -> str:
    count = trace.grid.tokens
    return (
        f"The rows of all {count} tokens together are a matrix of {count} × {count}: a line for every "
        "token that looks, a column for every token that is looked at. A bright diagonal looks at "
        "itself or its neighbours, a bright column is a token that all look at."
    )


def _predict(trace: Trace) -> str:
    return (
        "Choose a token with the arrow keys (or C), a layer and a head below. Where will it look? "
        "Paint the patches with the mouse, then reveal. Two numbers say how well you knew: the share "
        "of its attention inside what you painted, and the intersection over union at the best "
        "threshold."
    )


def _block(trace: Trace) -> str:
    return (
        f"Every one of the {len(trace.layers)} blocks does the same: tokens are normalised, "
        f"{trace.heads} heads let them look at each other, what they find is added (residual), they "
        "are normalised, "
        "a small network works on every token alone, and that is added too. Light up one step after "
        "the other; Inside a block, among the views, has each with its numbers."
    )


def _features(trace: Trace) -> str:
    return (
        "After the blocks, patches that show the same thing have like vectors. The map compares the "
        "chosen one with all others; the colours are the three directions in which they differ most. "
        "Open more pictures: one colour then means the same in all of them. Go through the layers "
        "(PgUp, PgDown) and see objects come together."
    )


def _answer(trace: Trace) -> str:
    answer = (
        f"In the end this model says {trace.predictions[0].name}, {trace.predictions[0].share:.0%}."
        if trace.predictions
        else "This model has no head, so it gives no answer, only features."
    )
    read = (
        "The head reads the class token after the last block"
        if "class" in trace.grid.prefix
        else "The head reads all patches together after the last block"
    )
    return (
        f"{read}: one matrix, a number for each of {trace.model.classes:,} classes, and a softmax. The "
        f"table asks it after every layer what it would answer already. {answer}"
        if trace.model.classes
        else answer
    )


def _tnt(trace: Trace) -> str:
    words = trace.grid.words
    if words is None:
        return (
            "A Transformer in Transformer reads every patch as a sentence of smaller patches, its "
            "words. It is shown on the bundled TNT, which is being loaded; your model comes back "
            "with the next step."
        )
    return (
        f"Here every patch is a sentence of {words[1]} × {words[0]} words. In each block the inner "
        "transformer lets the words of one sentence look at each other, a matrix adds what they found "
        "to their sentence, and the outer transformer lets the sentences look at each other, as in a "
        "ViT. Point at a place: its patch is shown large, with where the word there looks."
    )


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
