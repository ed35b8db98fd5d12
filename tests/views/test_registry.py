"""Views are found by looking, have a help page each, and never share a name."""

from __future__ import annotations

from dataclasses import replace

import pytest

import vitviz
from vitviz.core.data.drawing import Drawing
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.progress import VitvizError
from vitviz.views import View, find, view, views


def test_the_board_has_its_order():
    at_first = [name for name, one in views().items() if one.shown]
    assert at_first[:5] == ["patches", "heads", "rollout", "positions", "predictions"]


def test_every_view_has_a_help_page_and_every_option_its_words():
    for one in views().values():
        sentences = [part for part in one.shows.split(". ") if part]
        assert 2 <= len(sentences) <= 4, one.name
        assert one.title
        assert one.formula
        assert one.source
        for option in one.options:
            assert option.text, f"{one.name} {option.name}"


def test_a_view_that_is_not_there_lists_those_that_are():
    with pytest.raises(VitvizError, match="'maps'; there are: patches, heads"):
        find("maps")


def test_a_taken_name_fails():
    with pytest.raises(ValueError, match=r"'heads' is in vitviz\.views\.attention\.heads already"):
        view("heads", title="", shows="", formula="", source="")(lambda trace, selection: None)


def test_a_view_of_0_1_is_given_further_pictures_by_its_own_words(
    tiny_trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {}
    monkeypatch.setattr("vitviz.views._registered", {})

    @view("words_of_0_1", title="", shows="", formula="", source="")
    def draw(trace, selection, others=()):
        given["others"] = others
        return Drawing("words_of_0_1", "", ())

    (made,) = registered().values()
    other = replace(tiny_trace, picture=replace(tiny_trace.picture, key="another"))
    made.draw(tiny_trace, Selection(), more=[other])
    assert made.takes_more
    assert given["others"] == (other,)


def test_draw_takes_the_words_of_0_1(tiny_trace: Trace) -> None:
    other = replace(tiny_trace, picture=replace(tiny_trace.picture, key="another"))
    old = vitviz.draw("distance", tiny_trace, others=[other], over="all open pictures")
    new = vitviz.draw("distance", tiny_trace, more=[other], over="all open pictures")
    assert old.title == new.title


def registered() -> dict[str, View]:
    from vitviz.views import _registered

    return _registered
