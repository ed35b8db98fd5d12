"""What is said above columns, and which of them disagree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vitviz.core.data.geometry import Spot
from vitviz.core.data.prediction import Prediction
from vitviz.core.data.selection import Place, Selection
from vitviz.core.data.trace import Trace
from vitviz.core.progress import VitvizError
from vitviz.session.columns.column import Column, ModelChoice
from vitviz.session.columns.column_drawings import ColumnDrawings
from vitviz.session.columns.column_links import ColumnLinks
from vitviz.session.columns.column_state import (
    TraceCame,
    TraceTarget,
    Wanted,
    WorkFailed,
    WorkStopped,
)
from vitviz.session.columns.column_trace import ColumnTrace
from vitviz.session.columns.columns import LiveColumn
from vitviz.session.columns.comparisons import PRESETS, OfferedColumn, compared
from vitviz.session.columns.header_text import dissents, headings
from vitviz.session.work.byte_cache import ByteCache
from vitviz.session.work.jobs import InlineJobs
from vitviz.session.work.model_cache import ModelCache
from vitviz.session.work.request import ModelRequest

FLEXIBLE = ModelChoice("flex", "Flexible", True, (8, 16, 32), 16)
PLACELESS = ModelChoice("placeless", "Without positions", True, (8, 16, 32), 16, positions=False)
TNT = ModelChoice("tnt", "Transformer in Transformer", True, (16,), 16)
COLUMN = Column(0, ModelRequest("flex", patch_size=8, device="cpu"), "key")


def live(number: int, trace: Trace | None, *said: tuple[Any, ...]) -> LiveColumn:
    """A column whose model said this."""
    jobs = InlineJobs()
    reading = ColumnTrace(jobs, ModelCache(0), ByteCache(0), lambda *_: None, lambda _: None)
    drawings = ColumnDrawings(jobs, number, lambda *_: None, lambda *_: None)
    best = tuple(
        Prediction(index[0] if index else sum(map(ord, name)), name, share, 0.0)
        for name, share, *index in said
    )
    shown = None if trace is None else replace(trace, predictions=best)
    key = None if trace is None else trace.picture.key
    if shown is not None:
        reading.tell(Wanted(COLUMN.model, key))
        reading.tell(TraceCame(TraceTarget(COLUMN.model, shown.picture.key), shown))
    return LiveColumn(replace(COLUMN, id=number, picture=key), Selection(), reading, drawings)


def test_the_one_that_is_not_like_the_others_is_marked(tiny_trace: Trace) -> None:
    cat, dog = ("cat", 0.9), ("dog", 0.4)
    said = dissents([live(0, tiny_trace, cat), live(1, tiny_trace, dog), live(2, tiny_trace, cat)])
    assert (said[0], said[2]) == ("", "")
    assert said[1].startswith("Prediction disagreement: this column says dog (40.0%)")
    assert "cat (2), dog (1)" in said[1]


def test_where_none_has_more_all_are_marked_and_where_all_agree_none(tiny_trace: Trace) -> None:
    cat, dog = live(0, tiny_trace, ("cat", 0.9)), live(1, tiny_trace, ("dog", 0.4))
    assert all(dissents([cat, dog]))
    assert dissents([cat, live(2, tiny_trace, ("cat", 0.1))]) == ["", ""]


def test_two_classes_of_one_name_disagree(tiny_trace: Trace) -> None:
    columns = [live(at, tiny_trace, ("crane", 0.9)) for at in range(3)]
    assert dissents(columns) == ["", "", ""]
    columns[2] = live(2, tiny_trace, ("crane", 0.4, 517))
    assert [bool(said) for said in dissents(columns)] == [False, False, True]


def test_only_what_can_be_compared_is_compared(tiny_trace: Trace) -> None:
    other_picture = replace(tiny_trace, picture=replace(tiny_trace.picture, key="another"))
    other_classes = replace(tiny_trace, model=replace(tiny_trace.model, classes=21_000))
    columns = [
        live(0, tiny_trace, ("cat", 0.9)),
        live(1, other_picture, ("dog", 0.9)),
        live(2, other_classes, ("tabby", 0.9)),
        live(3, tiny_trace),
        live(4, None),
    ]
    assert dissents(columns) == [""] * 5


def test_a_column_says_what_it_waits_for_and_what_failed(tiny_trace: Trace) -> None:
    waits, failed = live(0, None), live(1, None)
    waits.column = replace(waits.column, picture=tiny_trace.picture.key)
    failed.reading.tell(WorkFailed(COLUMN.model, "out of memory"))
    said = headings(
        [waits, failed], 0, 0, [tiny_trace.picture], {"flex": "Flexible"}, ColumnLinks()
    )
    assert [(one.title, one.reading, one.badge) for one in said] == [
        ("Flexible", True, ""),
        ("Flexible", False, "! failed"),
    ]
    assert said[1].tip == "out of memory"
    failed.reading.tell(WorkStopped(COLUMN.model, "reading"))
    (stopped,) = headings([failed], 0, 0, [], {"flex": "Flexible"}, ColumnLinks())
    assert (stopped.badge, stopped.again) == ("! stopped", "flex, patch 8")
    assert said[0].picture == tiny_trace.picture.name


@pytest.mark.parametrize("failed", ["", "loading was stopped"])
def test_what_was_there_before_is_not_said_of_the_model_to_come(
    tiny_trace: Trace, failed: str
) -> None:
    """Its trace stays in sight meanwhile: its badge, tokens and answer are not those of the new."""
    column = live(0, tiny_trace, ("cat", 0.9))
    (before,) = headings([column], 0, 0, [tiny_trace.picture], {}, ColumnLinks())
    assert before.prediction == "cat 90.0%"
    assert not before.reading
    column.column = replace(column.column, model=ModelRequest("tnt"))
    if failed:
        column.reading.tell(WorkFailed(COLUMN.model, failed))
    (said,) = headings([column], 0, 0, [tiny_trace.picture], {}, ColumnLinks())
    assert (said.model, said.prediction, said.tokens) == ("tnt", "", "")
    assert said.reading == (not failed)
    assert said.badge == ("! failed" if failed else "")
    assert said.still == tiny_trace.model.title
    column.column = replace(column.column, picture="another")
    (said,) = headings([column], 0, 0, [tiny_trace.picture], {}, ColumnLinks())
    assert said.still == tiny_trace.picture.name


def test_a_chosen_token_that_a_model_lacks_is_said(tiny_trace: Trace) -> None:
    column = live(0, tiny_trace)
    for pin, words in (
        (Place(prefix="register 2"), "no register 2 here: the class token instead"),
        (Place(spot=Spot(9999, 0)), "the chosen place is not seen here: the class token instead"),
        (Place(prefix="class"), ""),
    ):
        column.selection = Selection(pin, hover=Place(prefix="register 9"))
        (said,) = headings([column], 0, 0, [], {}, ColumnLinks())
        assert said.instead == words, "what is hovered passes, and is said by the drawing"


def test_sizes_that_were_not_trained_are_said(tiny_trace: Trace) -> None:
    notes = ("the patch kernel is resampled from 16 × 16 to 8 × 8 pixels",)
    other = replace(tiny_trace, model=replace(tiny_trace.model, notes=notes))
    said = headings([live(0, tiny_trace), live(1, other)], 0, 0, [], {}, ColumnLinks())
    assert [one.resampled for one in said] == [False, True]


def test_a_cut_link_is_seen_in_the_header(tiny_trace: Trace) -> None:
    column = live(0, tiny_trace, ("cat", 0.9))
    column.selection = Selection(depth=0.0, head=1)
    for together, words in (
        (ColumnLinks(), ""),
        (ColumnLinks(depth=False), "layer 1"),
        (ColumnLinks(head=False), "head 2"),
    ):
        (said,) = headings([column], 0, 0, [], {}, together)
        assert said.apart == words


def offered(trace: Any = None, *pictures: str) -> OfferedColumn:
    return OfferedColumn(COLUMN, Selection(), trace, [TNT, PLACELESS, FLEXIBLE], pictures)


def test_patch_sizes_go_from_coarse_to_fine() -> None:
    found = compared("patch_sizes", offered(), ColumnLinks(depth=False))
    assert [column.model.patch_size for column, _ in found.columns] == [32, 16, 8]
    assert {column.model.name for column, _ in found.columns} == {"flex"}
    assert found.together.depth
    assert "sums to 1" in found.hint


def test_vit_beside_tnt_at_one_patch_size() -> None:
    found = compared("vit_tnt", offered(), ColumnLinks())
    assert [(column.model.name, column.model.patch_size) for column, _ in found.columns] == [
        ("flex", 16),
        ("tnt", None),
    ]


def test_the_model_without_positions_stands_beside_the_one_with_them() -> None:
    found = compared("positions", offered(), ColumnLinks())
    assert [(column.model.name, column.model.patch_size) for column, _ in found.columns] == [
        ("flex", 8),
        ("placeless", 8),
    ]
    elsewhere = replace(COLUMN, model=replace(COLUMN.model, name="tnt", patch_size=None))
    found = compared("positions", replace(offered(), column=elsewhere), ColumnLinks())
    assert [column.model.patch_size for column, _ in found.columns] == [16, 16]


def test_every_layer_gets_a_column_and_depth_is_cut(tiny_trace: Trace) -> None:
    found = compared("layers", offered(tiny_trace), ColumnLinks())
    layers = len(tiny_trace.layers)
    assert [chosen.layer(layers) for _, chosen in found.columns] == list(range(layers))
    assert (found.together.depth, found.one_view) == (False, True)
    many = replace(tiny_trace, layers=tiny_trace.layers * 12)
    depths = [
        chosen.depth for _, chosen in compared("layers", offered(many), ColumnLinks()).columns
    ]
    assert (len(depths), depths[0], depths[-1]) == (12, 0, 1)


def test_two_pictures_stay_two() -> None:
    found = compared("pictures", offered(None, "other", "key"), ColumnLinks())
    assert [column.picture for column, _ in found.columns] == ["key", "other"]
    assert not found.together.picture


def test_a_preset_leaves_no_link_cut_that_another_one_cut(tiny_trace: Trace) -> None:
    apart = ColumnLinks(depth=False, picture=False, zoom=True)
    assert compared("patch_sizes", offered(), apart).together == ColumnLinks(zoom=True)
    two = compared("pictures", offered(None, "other", "key"), apart)
    assert two.together == ColumnLinks(picture=False, zoom=True)
    every = compared("layers", offered(tiny_trace), apart)
    assert every.together == ColumnLinks(depth=False, zoom=True)


@pytest.mark.parametrize(
    ("name", "words"),
    [("layers", "no layers yet"), ("pictures", "only one picture"), ("none", "no comparison")],
)
def test_what_cannot_be_set_up_says_why(name: str, words: str) -> None:
    with pytest.raises(VitvizError, match=words):
        compared(name, offered(None, "key"), ColumnLinks())


def test_without_the_models_a_sentence_says_where_to_get_them() -> None:
    nothing = replace(offered(), models=())
    for name, words in (
        ("patch_sizes", "flexible ViT is missing"),
        ("vit_tnt", "Ctrl"),
        ("positions", "What if"),
    ):
        with pytest.raises(VitvizError, match=words):
            compared(name, nothing, ColumnLinks())
    names = {preset.name for preset in PRESETS}
    assert names == {"patch_sizes", "vit_tnt", "positions", "layers", "pictures"}


@pytest.mark.parametrize(
    ("share", "parameters", "said", "doubt"),
    [
        (0.5, 33_000, "hog 50.0%", ""),
        (0.46, 33_000, "perhaps hog 46.0%", "this small model knows 7 classes"),
        (0.46, 86_000_000, "perhaps hog 46.0%", "this model knows 7 classes"),
    ],
)
def test_an_answer_below_one_half_is_a_perhaps(
    tiny_trace: Trace, share: float, parameters: int, said: str, doubt: str
) -> None:
    model = replace(tiny_trace.model, parameters=parameters, classes=7)
    column = live(0, replace(tiny_trace, model=model), ("hog", share))
    (found,) = headings([column], 0, 0, [tiny_trace.picture], {}, ColumnLinks())
    assert (found.prediction, found.doubt) == (said, doubt)


def test_yes_or_no_is_no_perhaps(tiny_trace: Trace) -> None:
    model = replace(tiny_trace.model, classes=1)
    column = live(0, replace(tiny_trace, model=model), ("hog", 0.1))
    (found,) = headings([column], 0, 0, [tiny_trace.picture], {}, ColumnLinks())
    assert (found.prediction, found.doubt) == ("hog logit 0.00, sigmoid 10.0%", "")
