"""From a wish to what is announced: pictures, models, traces, selections, drawings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from home import Home
from PIL import Image

from vitviz.core.colors import ColorScale
from vitviz.core.data.drawing import Drawing, Message
from vitviz.core.data.selection import Place, place_of
from vitviz.core.data.trace import Trace
from vitviz.core.pictures.picture_files import open_picture
from vitviz.core.progress import Unsupported
from vitviz.session.app.launch_options import LaunchOptions
from vitviz.session.files.settings import Settings, read_settings
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs, Jobs
from vitviz.session.work.request import ModelRequest
from vitviz.views import View, views

VIEWS = ("patches", "heads", "rollout", "positions", "predictions")


class Heard:
    """Everything a session announces, in order, as (signal, arguments)."""

    SIGNALS: ClassVar = {
        "pictures_changed": "pictures.changed",
        "current_changed": "columns.current_changed",
        "request_changed": "columns.request_changed",
        "models_changed": "settings.models_changed",
        "trace_ready": "columns.trace_ready",
        "trace_failed": "columns.trace_failed",
        "selection_changed": "chosen.changed",
        "pointed": "chosen.pointed",
        "look_changed": "views.look_changed",
        "options_changed": "views.options_changed",
        "drawing_ready": "views.drawing_ready",
        "drawing_failed": "views.drawing_failed",
        "problems": "problems",
        "settings_changed": "settings.changed",
    }

    def __init__(self, session: Session) -> None:
        self.all: list[tuple[str, tuple[Any, ...]]] = []
        for name, path in self.SIGNALS.items():
            attrgetter(path)(session).connect(self._listener(name))

    def _listener(self, name: str) -> Callable[..., None]:
        def listen(*arguments: Any) -> None:
            self.all.append((name, arguments))

        return listen

    OF_A_COLUMN = ("trace_ready", "trace_failed", "drawing_ready", "drawing_failed")

    def of(self, name: str) -> list[Any]:
        """What one signal said, oldest first; a single argument unpacked, without the column."""
        said = [arguments for signal, arguments in self.all if signal == name]
        if name in self.OF_A_COLUMN:
            said = [arguments[:-1] for arguments in said]
        return [each[0] if len(each) == 1 else each for each in said]

    def clear(self) -> None:
        self.all.clear()

    @property
    def drawn(self) -> list[str]:
        return [view for view, _ in self.of("drawing_ready")]


@pytest.fixture
def session() -> Session:
    """A session that does everything at once, in this thread."""
    return Session(InlineJobs())


@pytest.fixture
def heard(session: Session) -> Heard:
    return Heard(session)


@pytest.fixture
def request_(tiny_checkpoint: Path) -> ModelRequest:
    return ModelRequest(str(tiny_checkpoint))


@pytest.fixture
def files(tmp_path: Path, photo: np.ndarray) -> list[Path]:
    """Three different pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(np.roll(photo, 40 * number, axis=1)).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


@pytest.fixture
def ready(session: Session, heard: Heard, request_: ModelRequest, files: list[Path]) -> Session:
    """A session with three pictures open, the first one read, and all views visible."""
    session.columns.use_model(request_)
    session.open(files)
    session.views.want(VIEWS)
    assert heard.of("trace_failed") == []
    heard.clear()
    return session


def test_pictures_open_and_the_first_is_shown(
    session: Session, heard: Heard, files: list[Path], photo: np.ndarray
) -> None:
    session.open([files[0].parent, ("dragged.png", files[1].read_bytes()), photo[:60]])
    names = [picture.name for picture in session.pictures.open]
    assert names == ["0.png", "1.png", "2.png", "pasted picture"], "the same pixels open once"
    assert session.columns.current is session.pictures.open[0]
    assert heard.of("current_changed") == [session.pictures.open[0]]
    assert heard.of("problems") == [["dragged.png is open already (as 1.png)"]]
    session.open([files[2]])
    assert session.columns.current is session.pictures.open[2], "what is opened again is shown"
    assert len(heard.of("problems")) == 1, "by its own name nothing needs to be said"
    assert session.settings.now.recent_files[0] == str(files[2])


def test_bad_files_are_said_and_the_others_open(
    session: Session, heard: Heard, files: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty").mkdir()
    session.open(
        [
            tmp_path / "text.png",
            tmp_path / "gone.png",
            files[0],
            tmp_path / "empty",
            ("paste", b"\xff\xd8\xff"),
        ]
    )
    assert [picture.name for picture in session.pictures.open] == ["0.png"]
    (said,) = heard.of("problems")
    assert [sentence.split()[0] for sentence in said] == ["empty", "text.png", "gone.png", "paste"]


def test_reading_stops_when_the_memory_for_pictures_is_full(
    files: list[Path],
) -> None:
    session = Session(InlineJobs(), Settings(memory_mb=0))
    heard = Heard(session)
    session.open(files)
    assert len(session.pictures.open) == 1
    assert "1 of 3 pictures" in heard.of("problems")[0][0]


def test_a_picture_is_read_and_all_visible_views_are_drawn(ready: Session) -> None:
    trace = ready.trace
    assert isinstance(trace, Trace)
    assert trace.picture is ready.columns.current
    assert set(ready.views.drawings) == set(VIEWS)
    assert all(drawing.view == view for view, drawing in ready.views.drawings.items())


def test_what_was_read_before_is_shown_without_work(ready: Session, heard: Heard) -> None:
    started: list[Any] = []
    first = ready.trace
    ready.columns.step_picture(1)
    ready.jobs.started.connect(started.append)
    ready.columns.step_picture(-1)
    assert ready.trace is first
    assert started == []
    assert heard.of("trace_ready")[-1] is first


def test_pictures_go_around_and_close_and_come_back(ready: Session, heard: Heard) -> None:
    a, b, c = ready.pictures.open
    ready.columns.step_picture(-1)
    assert ready.columns.current is c
    ready.pictures.close(c.key)
    assert (ready.pictures.open, ready.columns.current) == ((a, b), b)
    ready.pictures.close(a.key)
    assert (ready.pictures.open, ready.columns.current) == ((b,), b)
    ready.pictures.reopen()
    assert (ready.pictures.open, ready.columns.current) == ((a, b), a)
    ready.pictures.reopen()
    ready.pictures.reopen()
    assert ready.pictures.open == (a, b, c)
    for picture in (a, b, c, c):
        ready.pictures.close(picture.key)
    assert (ready.pictures.open, ready.columns.current, ready.trace, ready.views.drawings) == (
        (),
        None,
        None,
        {},
    )
    assert heard.of("current_changed")[-1] is None
    ready.columns.step_picture(1)
    ready.chosen.step_layer(1)


def test_only_views_that_follow_a_change_are_drawn_again(ready: Session, heard: Heard) -> None:
    follows = {name: views()[name].follows for name in VIEWS}
    grid, crop = ready.trace.grid, ready.trace.crop  # type: ignore[union-attr]
    changes: list[tuple[str, Callable[[], None]]] = [
        ("token", lambda: ready.chosen.hover(place_of(grid.token(1, 1), grid, crop))),
        ("token", lambda: ready.chosen.hover(None)),
        ("token", lambda: ready.chosen.pin(place_of(grid.token(2, 1), grid, crop))),
        ("layer", lambda: ready.chosen.select(depth=0.0)),
        ("head", lambda: ready.chosen.step_head(1)),
    ]
    for what, change in changes:
        heard.clear()
        change()
        assert set(heard.drawn) == {name for name in VIEWS if what in follows[name]}
        assert len(heard.of("selection_changed")) + len(heard.of("pointed")) == 1
    assert any("token" not in follow for follow in follows.values())


def test_nothing_is_said_when_nothing_changes(ready: Session, heard: Heard) -> None:
    ready.chosen.select(pin=ready.selection.pin, depth=ready.selection.depth)
    ready.chosen.hover(None)
    ready.views.set_look()
    ready.columns.use_model(ready.request)
    ready.columns.show(ready.columns.current.key)  # type: ignore[union-attr]
    ready.columns.show("no such key")
    ready.views.reset_options("heads")
    ready.views.set_option("heads", "direction", "looks at")
    heard_before = list(heard.all)
    ready.views.set_option("heads", "direction", "looks at")
    assert heard.all == heard_before
    assert {name for name, _ in heard.all} <= {"options_changed", "drawing_ready"}


def test_hidden_views_are_not_drawn(ready: Session, heard: Heard) -> None:
    ready.views.want(["heads"])
    assert (heard.drawn, set(ready.views.drawings)) == ([], {"heads"})
    ready.chosen.move_token(0, 1)
    assert heard.drawn == ["heads"]
    ready.views.want(["heads", "rollout"])
    assert heard.drawn == ["heads", "rollout"]
    ready.views.redraw("patches")
    assert heard.drawn == ["heads", "rollout"]


def test_options_and_look_reach_the_drawing(ready: Session, heard: Heard) -> None:
    ready.views.set_option("heads", "direction", "is looked at by")
    assert heard.drawn == ["heads"]
    assert dict(ready.views.drawings["heads"].options)["direction"] == "is looked at by"
    heard.clear()
    ready.views.set_look(table="magma", opacity=0.4)
    assert dict(ready.views.drawings["heads"].options)["table"] == "magma"
    assert "predictions" not in heard.drawn
    ready.views.reset_options("heads")
    assert dict(ready.views.drawings["heads"].options).get("direction", "looks at") == "looks at"
    heard.clear()
    ready.views.set_option("heads", "direction", "sideways")
    assert "direction" in heard.of("problems")[0][0]
    assert ready.views.options["heads"] == {}


@pytest.fixture
def broken_view() -> Iterator[Callable[[Exception | None], None]]:
    """A real view that fails as told, among the others for the time of a test."""
    error: list[Exception | None] = [None]

    def draw(trace: Trace, selection: object) -> Drawing:
        if error[0] is not None:
            raise error[0]
        return Drawing("broken", "Mended", ())

    views()["broken"] = View("broken", "Broken", "", "", "", frozenset({"head"}), 99, draw, ())
    yield lambda new: error.__setitem__(0, new)
    del views()["broken"]


def test_a_failing_view_says_so_and_nothing_else_suffers(
    ready: Session, heard: Heard, broken_view: Callable[[Exception | None], None]
) -> None:
    broken_view(Unsupported("test_vit: no such map, because of this; choose another view"))
    ready.views.want([*VIEWS, "broken"])
    assert heard.of("drawing_failed") == [
        ("broken", "test_vit: no such map, because of this; choose another view")
    ]
    broken_view(ZeroDivisionError("by zero"))
    ready.chosen.step_head(1)
    said = heard.of("drawing_failed")[-1][1]
    assert said.startswith("drawing Broken failed (ZeroDivisionError: by zero)")
    assert "heads" in heard.drawn
    broken_view(None)
    ready.views.redraw("broken")
    assert ready.views.drawings["broken"].title == "Mended"


def test_a_model_that_cannot_be_opened_gives_the_old_one_back(
    ready: Session, heard: Heard, tmp_path: Path
) -> None:
    worked, trace = ready.request, ready.trace
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"not at all")
    ready.open([bad])
    (said,) = heard.of("trace_failed")
    assert "bad.safetensors" in said
    assert (ready.request, ready.trace) == (worked, trace)
    assert [request.name for request in heard.of("request_changed")] == [str(bad), worked.name]
    ready.columns.step_picture(1)
    assert ready.trace.picture is ready.columns.current  # type: ignore[union-attr]


def test_a_model_without_attention_gives_the_old_one_back_with_the_picture_chosen_meanwhile(
    ready: Session, heard: Heard
) -> None:
    worked = ready.request
    ready.columns.use_model(ModelRequest("test_resnet", pretrained=False))
    (said,) = heard.of("trace_failed")
    assert "test_resnet has no attention" in said
    assert ready.request == worked
    assert [request.name for request in heard.of("request_changed")] == ["test_resnet", worked.name]
    ready.columns.step_picture(1)
    assert ready.trace is not None
    assert ready.trace.picture is ready.columns.current
    assert len(heard.of("trace_failed")) == 1


def test_without_pictures_the_last_model_that_worked_comes_back(
    ready: Session, heard: Heard, tmp_path: Path, photo: np.ndarray
) -> None:
    worked = ready.request
    for picture in ready.pictures.open:
        ready.pictures.close(picture.key)
    ready.columns.use_model(ModelRequest(str(tmp_path / "gone.safetensors")))
    assert len(heard.of("trace_failed")) == 1
    assert ready.request == worked
    ready.open([photo])
    assert ready.trace is not None
    assert ready.trace.picture.name == "0.png", "the same pixels, read before"


def test_the_ends_of_the_range_push_each_other(ready: Session, heard: Heard) -> None:
    ready.views.set_look(range="fixed", low=0.5)
    assert (ready.views.look.low, ready.views.look.high) == (0.5, 0.5)
    ready.views.set_look(high=-0.25)
    assert (ready.views.look.low, ready.views.look.high) == (-0.25, -0.25)
    ready.views.set_look(low=-1.0, high=1.0)
    assert (ready.views.look.low, ready.views.look.high) == (-1, 1)
    assert ready.views.drawings["positions"].panels[1].bar == ColorScale(
        -1, 1, "viridis", "cosine similarity"
    )
    assert heard.of("drawing_failed") == []


def test_without_a_model_a_sentence_says_what_to_do(
    session: Session, heard: Heard, files: list[Path], tmp_path: Path
) -> None:
    session.open(files[:1])
    assert "no model is chosen" in heard.of("trace_failed")[0]
    session.columns.use_model(ModelRequest(str(tmp_path / "gone.safetensors")))
    assert "gone.safetensors" in heard.of("trace_failed")[-1]
    assert session.trace is None
    heard.clear()
    session.open(files[1:2])
    assert len(heard.of("trace_failed")) == 1, "a broken model is not tried for every picture"


def test_checkpoints_opened_are_remembered(
    ready: Session, request_: ModelRequest, config_folder: Path
) -> None:
    assert request_.name in [choice.name for choice in ready.models()]
    assert read_settings()[0].recent_models == (request_.name,)
    ready.views.set_look(table="magma")
    ready.settings.remember(theme="dark")
    ready.close()
    kept, _ = read_settings()
    assert (kept.theme, kept.look.table) == ("dark", "magma")
    assert Session(InlineJobs(), kept).views.look.table == "magma"


def test_another_patch_size_is_another_model(ready: Session, request_: ModelRequest) -> None:
    before = ready.trace
    ready.columns.use_model(replace(request_, fit="squash"))
    assert ready.trace is not before
    assert ready.trace.model == before.model  # type: ignore[union-attr]
    ready.columns.use_model(request_)
    assert ready.trace is before


def test_keys_move_what_is_chosen(ready: Session, heard: Heard) -> None:
    trace = ready.trace
    assert trace is not None
    ready.chosen.move_token(0, 0)
    ready.chosen.move_token(0, 1)
    row, col = trace.grid.place(trace.grid.middle)  # type: ignore[misc]
    assert ready.selection.pin.token(trace.grid, trace.crop) == trace.grid.token(row, col + 1)
    ready.chosen.select(depth=0.0)
    ready.chosen.step_layer(1)
    assert ready.selection.layer(len(trace.layers)) == 1
    ready.chosen.select(depth=1.0)
    assert ready.selection.depth == 1
    ready.chosen.step_head(1)
    ready.chosen.select(head=None)
    assert ready.selection.head is None
    ready.chosen.choose_prefix("class")
    assert ready.selection.pin == Place(prefix="class")
    ready.chosen.choose_prefix("register 3")
    assert "register 3" in heard.of("problems")[0][0]


def test_it_starts_with_what_the_command_line_says(
    session: Session, heard: Heard, request_: ModelRequest, files: list[Path]
) -> None:
    session.views.want(["heads"])
    session.start(
        LaunchOptions(files=(str(files[1]),), model=request_.name, token="1,2", layer=0, head=1)
    )
    trace = session.trace
    assert trace is not None
    assert trace.picture.name == "1.png"
    token = session.selection.token(trace.grid, trace.crop)
    assert (trace.grid.place(token), session.selection.head) == ((1, 2), 1)
    assert session.selection.layer(len(trace.layers)) == 0
    assert heard.drawn == ["heads"], "drawn once, with what was asked for"


@pytest.fixture
def home() -> Home:
    return Home()


@pytest.fixture
def threaded(home: Home) -> Iterator[Session]:
    """A session as the window has it: with real threads."""
    session = Session(Jobs(home.deliver))
    yield session
    session.close()


def test_the_newest_wish_wins_with_real_threads(
    threaded: Session, home: Home, request_: ModelRequest, files: list[Path]
) -> None:
    heard, told = Heard(threaded), []
    threaded.jobs.progressed.connect(lambda job: told.append(job.what))
    threaded.views.want(VIEWS)
    threaded.columns.use_model(request_)
    threaded.open(files)
    assert threaded.columns.busy
    home.until(lambda: len(threaded.pictures.open) == 3)
    threaded.columns.show(threaded.pictures.open[1].key)
    threaded.columns.show(threaded.pictures.open[2].key)
    home.until(lambda: threaded.trace is not None and not threaded.waiting)
    read = [trace.picture.name for trace in heard.of("trace_ready")]
    assert read[-1] == "2.png"
    assert "1.png" not in read
    assert heard.of("trace_failed") == []
    assert set(threaded.views.drawings) == set(VIEWS)
    assert any(what.startswith("loading model test_vit.safetensors") for what in told)
    assert any(what.startswith("reading 2.png") for what in told)
    assert not threaded.columns.busy


def test_a_burst_of_hovering_ends_at_the_last_token(
    threaded: Session, home: Home, request_: ModelRequest, photo: np.ndarray
) -> None:
    threaded.columns.use_model(request_)
    threaded.open([photo])
    threaded.views.want(["heads"])
    home.until(lambda: not threaded.waiting and threaded.trace is not None)
    trace, heard = threaded.trace, Heard(threaded)
    assert trace is not None
    for token in range(1, trace.grid.tokens):
        threaded.chosen.hover(place_of(token, trace.grid, trace.crop))
    home.until(lambda: not threaded.waiting)
    assert 1 <= len(heard.drawn) < trace.grid.tokens - 1
    last = trace.grid.place(trace.grid.tokens - 1)
    assert str(last) in threaded.views.drawings["heads"].title


def test_stopping_keeps_what_is_shown_and_says_so(
    threaded: Session, home: Home, request_: ModelRequest, files: list[Path]
) -> None:
    heard = Heard(threaded)
    threaded.open(files[:1])
    home.until(lambda: threaded.columns.current is not None and not threaded.waiting)
    threaded.columns.use_model(request_)
    threaded.columns.stop(next(job for job in threaded.jobs.current if job.lane == "run"))
    assert not threaded.columns.busy
    assert "was stopped" in heard.of("trace_failed")[-1]
    threaded.columns.use_model(request_)
    home.until(lambda: threaded.trace is not None)


def test_stopping_a_model_gives_the_shown_one_back(
    threaded: Session, home: Home, request_: ModelRequest, files: list[Path]
) -> None:
    threaded.columns.use_model(request_)
    threaded.open(files)
    home.until(lambda: len(threaded.pictures.open) == 3 and not threaded.waiting)
    heard, other = Heard(threaded), replace(request_, patch_size=8)
    threaded.columns.use_model(other)
    threaded.columns.show(threaded.pictures.open[1].key)
    threaded.columns.stop(next(job for job in threaded.jobs.current if job.lane == "run"))
    assert heard.of("request_changed") == [other, request_]
    (said,) = heard.of("trace_failed")
    assert "was stopped" in said
    home.until(lambda: not threaded.waiting)
    assert threaded.trace is not None
    assert threaded.trace.picture is threaded.pictures.open[1] is threaded.columns.current
    assert threaded.trace.model.patch == (16, 16)


def test_real_weights(data_folder: Path, session: Session) -> None:
    heard = Heard(session)
    session.views.want(VIEWS)
    weights = next((data_folder / "weights").glob("vit_tiny_patch16_224*"))
    session.open([weights, data_folder / "photos" / "hedgehog.webp"])
    session.chosen.move_token(
        0, 0
    )  # on a patch, so that no view has a reason to say it shows nothing
    assert heard.of("trace_failed") == []
    assert heard.of("drawing_failed") == []
    assert session.trace is not None
    assert session.trace.model.weights == "trained"
    assert not any(
        isinstance(layer, Message)
        for drawing in session.views.drawings.values()
        for panel in drawing.panels
        for layer in panel.layers
    )


def test_a_large_folder_is_opened_one_by_one(tmp_path: Path) -> None:
    for number in range(30):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"{number}.png")
    session = Session(InlineJobs())
    session.open([tmp_path])
    assert [picture.name for picture in session.pictures.open] == [f"{n}.png" for n in range(30)]
    assert open_picture(tmp_path / "7.png").key == session.pictures.open[7].key


def test_other_open_pictures_are_read_for_a_view_of_all(ready: Session, heard: Heard) -> None:
    ready.views.want((*VIEWS, "features"))
    assert "fitted over 3 pictures" in heard.of("drawing_ready")[-1][1].caption
    assert ready.columns.current is ready.pictures.open[0], "what is looked at stays"


def test_other_pictures_are_not_read_for_views_of_one(ready: Session, heard: Heard) -> None:
    started: list[Any] = []
    ready.jobs.started.connect(started.append)
    ready.views.want((*VIEWS, "distance"))
    assert started == []
    ready.views.set_option("distance", "over", "all open pictures")
    assert [job.label for job in started] == ["reading 1.png too", "reading 2.png too"]
    assert "Mean over 3 pictures" in heard.of("drawing_ready")[-1][1].caption


def test_reading_others_stops_where_it_is_told_to(
    threaded: Session, home: Home, request_: ModelRequest, files: list[Path]
) -> None:
    threaded.columns.use_model(request_)
    threaded.open(files)
    threaded.views.want(VIEWS)
    home.until(lambda: len(threaded.pictures.open) == 3 and not threaded.waiting)
    threaded.views.want((*VIEWS, "features"))
    home.until(lambda: any(job.key == "others" for job in threaded.jobs.current))
    threaded.columns.stop(next(job for job in threaded.jobs.current if job.key == "others"))
    home.until(lambda: not threaded.waiting)
    assert "fitted over" not in threaded.views.drawings["features"].caption
    threaded.views.set_option("features", "same_length", False)
    home.until(lambda: "over 3 pictures" in threaded.views.drawings["features"].caption)
