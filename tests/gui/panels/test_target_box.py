"""The target is chosen in one place and linked as far as other models understand it."""

from __future__ import annotations

import pytest

from vitviz.core.data.selection import Selection
from vitviz.core.data.target import PREDICTED, Target
from vitviz.session.columns.column_links import ColumnLinks, carried


@pytest.fixture
def box(window):
    return window.inspector.target


def test_a_likely_class_is_picked(window, box):
    trace = window.session.trace
    assert box.classes.count() == len(trace.predictions) + 2
    box.classes.activated.emit(2)
    chosen = window.session.selection.target
    assert chosen == Target("class", index=trace.predictions[1].index)
    assert box.classes.currentIndex() == 2
    box.classes.activated.emit(0)
    assert window.session.selection.target == PREDICTED


def test_any_other_target_is_written(window, box):
    box.line.setText("3-1")
    box.line.editingFinished.emit()
    assert window.session.selection.target == Target("contrast", index=3, against=1)
    assert box.classes.currentIndex() == box.classes.count() - 1
    box.line.setText("lens:x")
    box.line.editingFinished.emit()
    assert not box.why.isHidden()
    assert "lens:LAYER" in box.why.text()
    assert window.session.selection.target == Target("contrast", index=3, against=1)


def test_it_is_offered_for_views_that_follow_it(window, box):
    window.inspector.show_view(window.views["heads"], {})
    assert box.isHidden()
    window.inspector.show_view(window.views["why"], {})
    assert not box.isHidden()


@pytest.mark.parametrize(
    ("target", "same_model", "goes"),
    [
        (Target("class", index=3), True, True),
        (Target("class", index=3), False, False),
        (Target("class", text="owl"), False, True),
        (PREDICTED, False, True),
    ],
)
def test_a_number_means_nothing_to_another_model(target, same_model, goes):
    mine, theirs = Selection(target=Target("feature", index=9)), Selection(target=target)
    found = carried(mine, theirs, ("target",), ColumnLinks(), same_model=same_model)
    assert (found.target == target) == goes
