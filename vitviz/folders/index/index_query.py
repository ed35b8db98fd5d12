"""One question to an index as it is asked from outside: by picture and patches, by head, by feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from vitviz.core.counted import layer_name
from vitviz.core.data.geometry import Crop, TokenGrid
from vitviz.core.data.recipe import checked_arguments
from vitviz.core.data.selection import Place, token_words
from vitviz.core.data.trace import Picture
from vitviz.core.pictures.picture_files import ImageSource, open_picture
from vitviz.core.progress import BadImage, Progress, VitvizError, silent
from vitviz.folders.index.index_run import IndexOrder, VectorReader
from vitviz.folders.index.index_search import FoundPlace, direction_of, most_alike, most_excited
from vitviz.folders.index.vector_index import VectorIndex
from vitviz.views.api import Token, token_chosen

if TYPE_CHECKING:
    from vitviz.models import Model


@dataclass(frozen=True, slots=True)
class IndexAnswer:
    """The best places, best first, with what was asked and what the scores are, in words.

    `query` and `token` are where the question came from, None for heads and features.
    """

    places: tuple[FoundPlace, ...]
    asked: str
    label: str
    query: Picture | None = None
    token: int | None = None


def where_else(
    index: VectorIndex,
    picture: ImageSource | Picture,
    tokens: Sequence[Token | Place] = (None,),
    *,
    unlike: Sequence[Token | Place] = (),
    count: int = 12,
    model: Model | None = None,
    progress: Progress = silent,
) -> IndexAnswer:
    """Where in the indexed pictures there is something like these patches, and not like `unlike`.

    Tokens are (row, col) of a patch or a prefix token's name, as `vitviz.draw` takes them, or places
    of the picture; a prefix token is compared with the same token of every picture. A picture that is
    in the index needs no model; for another one `model` runs, or the index's own is loaded. VitvizError
    for a token that is not there or another model, BadImage for no picture.
    """
    choice = index.about.choice
    opened = picture if isinstance(picture, Picture) else open_picture(picture, choice=choice)
    vectors, crop = _vectors_of(index, opened, model, progress)
    grid = index.about.grid
    wanted = [_token(each, grid, crop) for each in tokens]
    others = [_token(each, grid, crop) for each in unlike]
    query = direction_of([vectors[at] for at in wanted], [vectors[at] for at in others])
    first = wanted[0]
    prefix = grid.place(first) is None
    among = range(first, first + 1) if prefix else None
    places = most_alike(index, query, count, among)
    named = ", ".join(token_words(grid, at) for at in wanted)
    less = f", not {', '.join(token_words(grid, at) for at in others)}" if others else ""
    return IndexAnswer(
        tuple(places), f"like {named} of {opened.name}{less}", "cosine", opened, first
    )


def _token(said: Token | Place, grid: TokenGrid, crop: Crop) -> int:
    """The token in the index's grid. VitvizError for one that is not there, or not seen."""
    if not isinstance(said, Place):
        return token_chosen(said, grid, crop).token(grid, crop)
    token = said.token(grid, crop)
    if token is None:
        named = f"no {said.prefix} token" if said.prefix else "a place that its model does not see"
        raise VitvizError(f"in this index that is {named}; choose a patch")
    return token


def _vectors_of(
    index: VectorIndex, picture: Picture, model: Model | None, progress: Progress
) -> tuple[Float32[np.ndarray, "token dim"], Crop]:
    entry = index.entry(picture.key)
    if entry is not None:
        found = index.vectors[entry.vectors].astype(np.float32)
        return found, entry.crop
    about = index.about
    loaded = model or model_of(index, progress)
    weights = loaded.info.weights_hash or loaded.info.weights
    if weights != about.weights or loaded.info.architecture == "":
        raise VitvizError(
            f"{index.place} was made by {about.called} with weights {about.weights[:12]}, and this is "
            f"{loaded.info.called} with {weights[:12]}; ask with the same model, or index again"
        )
    order = IndexOrder(index.folder, about.kind, about.layer, fit=about.fit)
    trace, read = VectorReader(loaded, order).of_picture(picture.pixels)
    if trace.grid != about.grid:
        raise VitvizError(
            f"{index.place} is over {about.rows} x {about.cols} patches, and this model has "
            f"{trace.grid.rows} x {trace.grid.cols}; load it at the size that was indexed"
        )
    return read.vectors, read.crop


def model_of(index: VectorIndex, progress: Progress = silent) -> Model:
    """The index's own model. BadModel where it cannot be had any more."""
    if index.about.weights == "untrained":
        raise VitvizError(
            f"{index.place} is of random weights, which cannot be had twice; ask with a picture that "
            "is in it"
        )
    from vitviz import models

    asked = checked_arguments(dict(index.about.asked), str(index.place))
    return models.load(index.about.model, progress=progress, **asked)


def excited(
    index: VectorIndex, column: int, *, token: Token = None, count: int = 12
) -> IndexAnswer:
    """Which pictures excite one head (of an index of heads) or one feature most.

    `token` is a prefix token's name or a patch's (row, col); without it the best patch of each picture
    counts. VitvizError for a head, feature or token that is not there.
    """
    about = index.about
    among, where = None, "at its best patch"
    if token is not None:
        grid = about.grid
        crop = Crop(about.frame, about.frame, (1.0, 1.0))
        at = token_chosen(token, grid, crop).token(grid, crop)
        among, where = range(at, at + 1), f"at {token_words(grid, at)}"
    places = most_excited(index, column, count, among)
    what = "head" if about.by_length else "feature"
    label = "length of the head's output" if about.by_length else "value"
    return IndexAnswer(
        tuple(places), f"{what} {column} of {layer_name(about.layer)} {where}", label
    )


def picture_of(index: VectorIndex, place: FoundPlace) -> Picture | str:
    """The picture of an answer, or in a sentence why it can no longer be opened."""
    try:
        opened = open_picture(index.file(place.entry), choice=index.about.choice)
    except BadImage as error:
        return str(error)
    if opened.key != place.entry.key:
        return f"{place.entry.name} has changed since it was indexed; run vitviz index again"
    return opened
