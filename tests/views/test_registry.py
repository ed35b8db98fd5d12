"""Views are found by looking, have a help page each, and never share a name."""

from __future__ import annotations

import pytest

from vitviz.core.progress import VitvizError
from vitviz.views import find, view, views


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
