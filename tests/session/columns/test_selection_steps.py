"""Steps of the keyboard: inside the grid, inside the layers, around the heads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import vitviz
from vitviz.core.data.selection import Place, Selection, place_of
from vitviz.core.progress import VitvizError
from vitviz.session.app.first_choices import first_selection
from vitviz.session.app.launch_options import LaunchOptions
from vitviz.session.columns import selection_steps


def pinned(selection: Selection, trace: Any) -> tuple[int, int] | None:
    token = selection.pin.token(trace.grid, trace.crop)
    return None if token is None else trace.grid.place(token)


def test_arrows_move_patch_by_patch_and_stop_at_the_edge(tiny_trace: Any) -> None:
    grid = tiny_trace.grid
    selection = Selection(pin=place_of(grid.token(0, 0), grid, tiny_trace.crop))
    for expected in [(0, col) for col in range(1, grid.cols)] + [(0, grid.cols - 1)] * 2:
        selection = selection_steps.moved(selection, tiny_trace, 0, 1)
        assert pinned(selection, tiny_trace) == expected
    assert pinned(selection_steps.moved(selection, tiny_trace, 99, -99), tiny_trace) == (
        grid.rows - 1,
        0,
    )


def test_arrows_enter_the_grid_in_the_middle(tiny_trace: Any) -> None:
    selection = selection_steps.moved(Selection(pin=Place(prefix="class")), tiny_trace, 1, 0)
    assert selection.pin.token(tiny_trace.grid, tiny_trace.crop) == tiny_trace.grid.middle


def test_layers_stop_at_both_ends(tiny_trace: Any) -> None:
    layers = len(tiny_trace.layers)
    selection, seen = Selection(depth=0.0), []
    for _ in range(layers + 2):
        seen.append(selection.layer(layers))
        selection = selection_steps.layer_stepped(selection, tiny_trace, 1)
    assert seen == [*range(layers), layers - 1, layers - 1]


def test_heads_go_around_by_way_of_all(tiny_trace: Any) -> None:
    selection, seen = Selection(), []
    for _ in range(tiny_trace.heads + 2):
        seen.append(selection.head)
        selection = selection_steps.head_stepped(selection, tiny_trace, 1)
    assert seen == [None, *range(tiny_trace.heads), None]
    assert selection_steps.head_stepped(Selection(), tiny_trace, -1).head == tiny_trace.heads - 1


def test_a_prefix_token_that_is_not_there_is_named(tiny_trace: Any) -> None:
    assert selection_steps.prefix_chosen(Selection(), tiny_trace, "class").pin == Place(
        prefix="class"
    )
    with pytest.raises(VitvizError, match=r"no register 1 token.*: class;"):
        selection_steps.prefix_chosen(Selection(), tiny_trace, "register 1")


def test_a_selection_keeps_its_meaning_on_another_picture(
    tiny_model: Any, tiny_trace: Any, photo: np.ndarray
) -> None:
    large = vitviz.trace(tiny_model, np.repeat(np.repeat(photo, 3, axis=0), 3, axis=1))
    grid = tiny_trace.grid
    selection = Selection(pin=place_of(grid.token(2, 3), grid, tiny_trace.crop), head=0)
    carried = selection_steps.carried_over(selection, tiny_trace, large)
    assert pinned(carried, large) == (2, 3)
    assert carried.head == 0
    assert selection_steps.carried_over(Selection(head=99), None, tiny_trace).head is None
    assert selection_steps.carried_over(selection, tiny_trace, tiny_trace) == selection


def test_what_the_command_line_chooses(tiny_trace: Any) -> None:
    layers = len(tiny_trace.layers)
    chosen = first_selection(LaunchOptions(token="1,2", layer=-1, head=0), Selection(), tiny_trace)
    assert (pinned(chosen, tiny_trace), chosen.layer(layers), chosen.head) == (
        (1, 2),
        layers - 1,
        0,
    )
    assert first_selection(LaunchOptions(token="class"), chosen, tiny_trace).pin == Place(
        prefix="class"
    )
    for wrong in (
        LaunchOptions(token="99,0"),
        LaunchOptions(token="x"),
        LaunchOptions(layer=layers),
        LaunchOptions(head=99),
    ):
        with pytest.raises(VitvizError, match="there is no"):
            first_selection(wrong, Selection(), tiny_trace)


def test_a_model_without_layers_steps_through_its_matrices(photo: np.ndarray) -> None:
    model = vitviz.load("xcit_nano_12_p16_224", pretrained=False, depth=3, img_size=64)
    trace = vitviz.trace(model, photo)
    assert not trace.layers
    assert trace.depths == len(trace.matrices) == 3
    last = selection_steps.layer_stepped(Selection(depth=0.0), trace, 99)
    assert last.layer(3) == 2
    assert selection_steps.layer_stepped(last, trace, -1).layer(3) == 1
    title = vitviz.draw("matrix", trace, layer=1).title
    assert title.startswith("Attention matrix 2 of 3")
    assert trace.heads == trace.matrices[0].attention.heads
