"""A view's signature is its form, its flags and its checks."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest

from vitviz.core.progress import VitvizError
from vitviz.views import find
from vitviz.views.options import Look, Option, OptionHelp, arguments, options_of, wished


def sample(
    trace,
    selection,
    *,
    kind: Literal["a", "b"] = "a",
    share: Annotated[float, OptionHelp("A share", 0, 1, 0.1)] = 0.5,
    count: Annotated[int, OptionHelp("A count", 1, 9)] = 3,
    shown: bool = True,
    title: str | None = None,
    look: Look = Look(range="view"),
): ...


def named(name: str) -> Option:
    return next(option for option in options_of(sample) if option.name == name)


def test_every_kind_is_read_off_the_signature():
    assert named("kind") == Option("kind", "choice", "a", choices=("a", "b"))
    assert named("share") == Option("share", "number", 0.5, "A share", low=0, high=1, step=0.1)
    assert named("count") == Option("count", "integer", 3, "A count", low=1, high=9)
    assert named("shown").kind == "switch"
    assert named("title") == Option("title", "text", None, optional=True)


def test_a_group_is_taken_apart_with_the_defaults_of_the_view():
    assert named("range").group == "look"
    assert named("range").default == "view"
    assert named("opacity").default == Look().opacity


def test_flat_values_become_keyword_arguments():
    call = arguments(sample, {"kind": "b", "share": 1, "table": "vik", "title": None})
    assert call == {
        "kind": "b",
        "share": 1.0,
        "title": None,
        "look": Look(table="vik", range="view"),
    }
    assert isinstance(call["share"], float)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"colour": 1}, "there is no option 'colour'"),
        ({"kind": "c"}, "it may be a, b"),
        ({"share": 1.5}, "from 0 to 1"),
        ({"share": True}, "a number"),
        ({"count": "3"}, "a whole number"),
        ({"shown": 1}, "true or false"),
        ({"title": 3}, "text"),
        ({"table": "jet"}, "viridis"),
        ({"kind": None}, "cannot be None"),
    ],
)
def test_a_wrong_value_is_one_sentence(values, said):
    with pytest.raises(VitvizError, match=said):
        arguments(sample, values)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_outside_all_ranges(value):
    with pytest.raises(VitvizError, match="share"):
        arguments(sample, {"share": value})


def test_an_option_without_a_form_is_a_mistake_in_the_view():
    def wrong(trace, selection, *, choices: dict = {}): ...  # noqa: B006

    with pytest.raises(TypeError, match="choices"):
        options_of(wrong)


def test_a_look_without_a_default_is_a_mistake_in_the_view():
    def wrong(trace, selection, *, look: Look): ...

    with pytest.raises(TypeError, match="look needs a default"):
        options_of(wrong)


def test_a_new_change_starts_from_nothing_unless_several_are_wanted():
    options = find("whatif").options
    before = {"positions": "removed", "seed": 3}
    alone = wished(options, before, {"heads": "without the chosen head"})
    assert alone == {"heads": "without the chosen head", "seed": 3}
    both = wished(options, {**before, "together": True}, {"heads": "without the chosen head"})
    assert both["positions"] == "removed"
    two = {"positions": "removed", "patches": "shuffled"}
    assert wished(options, {"heads": "without the chosen head"}, two) == two
    assert wished(options, before, {"seed": 4}) == {"positions": "removed", "seed": 4}
    assert wished(options, before, {"heads": "all"}) == {**before, "heads": "all"}
