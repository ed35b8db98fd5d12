"""Sessions in files: all that was open and chosen comes back, and what has gone is asked for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from vitviz.core.data.geometry import Spot
from vitviz.core.data.intervention import Intervention
from vitviz.core.data.said_facts import SaidFacts
from vitviz.core.data.selection import Place
from vitviz.core.progress import VitvizError
from vitviz.session.columns.column import Column
from vitviz.session.files import session_format
from vitviz.session.files.session_format import MissingFiles
from vitviz.session.files.settings_folder import settings_folder
from vitviz.session.session import Session
from vitviz.session.session_files import SessionFiles
from vitviz.session.work.jobs import InlineJobs
from vitviz.session.work.request import ModelRequest

FINE = ModelRequest("test_vit", pretrained=False)
VIEWS = {"layout": "grid", "views": "heads"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "work" / "mine.vitviz"


@pytest.fixture
def session(photo: np.ndarray, file: Path) -> Session:
    """Two columns over a picture in a file and a pasted one, with much chosen."""
    file.parent.mkdir()
    picture = file.parent / "photo.png"
    Image.fromarray(photo).save(picture)
    made = Session(InlineJobs(), save=lambda _settings: "")
    made.columns.use_model(FINE)
    made.open([picture, photo[::-1].copy()])
    made.columns.add_beside(ModelRequest("test_vit", pretrained=False, patch_size=32))
    made.columns.show(made.pictures.open[1].key, made.columns.active.id)
    made.chosen.link(depth=False)
    made.chosen.pin(Place(Spot(30.5, 40.25)))
    made.chosen.select(depth=0.0)
    made.views.set_look(table="magma")
    made.views.set_option("rollout", "fuse", "max")
    made.views.share_range(False)
    made.columns.refer_to(made.columns.active.id)
    return made


def reopened(file: Path, told: dict[str, str] | None = None) -> tuple[Session, list[object]]:
    made = Session(InlineJobs(), save=lambda _settings: "")
    said: list[object] = []
    files = SessionFiles(made)
    files.missing.connect(lambda _saved, _file, gone: said.append(gone))
    files.opened.connect(lambda _file, state: said.append(state))
    made.problems.connect(said.extend)
    files.open(file, told)
    return made, said


def test_everything_comes_back(session: Session, file: Path) -> None:
    SessionFiles(session).save(file, VIEWS)
    again, said = reopened(file)
    assert said == [VIEWS]
    assert [p.key for p in again.pictures.open] == [p.key for p in session.pictures.open]
    for name in ("look", "look_chosen", "options", "one_range"):
        assert getattr(again.views, name) == getattr(session.views, name), name
    assert again.columns.links == session.columns.links
    assert again.selection == session.selection
    for old, new in zip(session.columns, again.columns, strict=True):
        assert new.column.model == old.column.model
        assert new.column.picture == old.column.picture
        assert new.selection == old.selection
        assert new.trace is not None
    assert again.columns.index(again.columns.active.id) == 1
    assert again.columns.index(again.columns.reference.id) == 1
    assert again.settings.now.recent_sessions == (str(file),)


def test_pictures_moved_with_their_session_are_found(session: Session, file: Path) -> None:
    SessionFiles(session).save(file, {})
    moved = file.parent.with_name("elsewhere")
    shutil.move(file.parent, moved)
    again, said = reopened(moved / file.name)
    assert len(again.pictures.open) == 2
    assert said == [{}]


def test_a_file_that_has_gone_is_asked_for(session: Session, file: Path, tmp_path: Path) -> None:
    SessionFiles(session).save(file, {})
    (file.parent / "photo.png").rename(tmp_path / "renamed.png")
    again, said = reopened(file)
    assert again.pictures.open == ()
    (gone,) = said
    (picture,) = gone  # type: ignore[misc]
    assert picture.name == "photo.png"
    again, _ = reopened(file, {picture.key: str(tmp_path / "renamed.png")})
    assert len(again.pictures.open) == 2
    again, said = reopened(file, {picture.key: ""})
    assert len(again.pictures.open) == 1
    assert "photo.png was not found and left out" in said
    assert {live.column.picture for live in again.columns} == {again.pictures.open[0].key}


def test_weights_that_have_gone_are_asked_for_and_found_beside_the_session(
    session: Session, file: Path, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    weights = tmp_path / "mine.safetensors"
    shutil.copy(tiny_checkpoint, weights)
    session.columns.use_model(ModelRequest(str(weights), architecture="test_vit"))
    SessionFiles(session).save(file, {})
    moved = weights.rename(tmp_path / "renamed.safetensors")
    _, ((gone,),) = reopened(file)  # type: ignore[misc]
    assert (gone.name, gone.path) == ("mine.safetensors", str(weights))
    again, said = reopened(file, {gone.key: str(moved)})
    assert said == [{}]
    assert again.request.name == str(moved)
    assert again.trace is not None
    moved.rename(file.parent / weights.name)
    again, said = reopened(file)
    assert (said, again.request.name) == ([{}], str(file.parent / weights.name))
    (file.parent / weights.name).unlink()
    again, _ = reopened(file, {gone.key: ""})
    assert again.trace is None, "left out: the column says what it misses"
    assert again.columns.active.state.why


class Late(InlineJobs):
    """Work is done at once, what it brings home waits until somebody lets it in."""

    def __init__(self) -> None:
        super().__init__()
        self.outside: list[Callable[[], None]] = []
        self.deliver = self.outside.append


def test_pictures_on_their_way_stay_out_of_a_session_that_was_opened_meanwhile(
    session: Session, file: Path, photo: np.ndarray
) -> None:
    jobs = Late()
    made = Session(jobs, save=lambda _settings: "")
    made.open([photo.transpose(1, 0, 2).copy()])
    saved = msgspec.structs.replace(SessionFiles(session)._snapshot({}), columns=(), selections=())
    made.restore(saved, {picture.key: picture for picture in session.pictures.open})
    while jobs.outside:
        jobs.outside.pop(0)()
    assert [one.key for one in made.pictures.open] == [one.key for one in session.pictures.open]


def test_a_picture_that_has_changed_is_said(session: Session, file: Path) -> None:
    SessionFiles(session).save(file, {})
    Image.new("RGB", (50, 40), "red").save(file.parent / "photo.png")
    again, said = reopened(file)
    assert "photo.png has changed since the session was saved" in said
    first = next(iter(again.columns))
    assert first.column.picture == again.pictures.open[0].key
    assert first.trace is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"kind": "vitviz session", "version": 99, "columns": 7}', "newer vitviz"),
        ('{"some": "json"}', "no session of vitviz"),
        ("not even json", "no session of vitviz"),
        ('{"kind": "vitviz session", "version": 1, "columns": 7}', "is damaged"),
    ],
)
def test_what_cannot_be_opened_is_said_and_changes_nothing(
    session: Session, file: Path, text: str, words: str
) -> None:
    file.write_text(text)
    said: list[str] = []
    session.problems.connect(said.extend)
    before = session.columns.all
    SessionFiles(session).open(file)
    assert words in said[0]
    assert session.columns.all == before
    with pytest.raises(VitvizError, match=words):
        session_format.read(file)


def test_an_option_that_is_no_more_is_left_out(session: Session, file: Path) -> None:
    SessionFiles(session).save(file, {})
    known = json.loads(file.read_bytes())
    known["options"] = {"rollout": {"fuse": "max", "gone": 1}, "no such view": {"a": 2}}
    file.write_text(json.dumps(known))
    again, said = reopened(file)
    assert again.views.options == {"rollout": {"fuse": "max"}}
    assert len([one for one in said if str(one).startswith("not restored")]) == 2


def test_a_session_is_all_or_nothing(session: Session, file: Path) -> None:
    said: list[str] = []
    session.problems.connect(said.extend)
    SessionFiles(session).save(file.parent / "no such folder" / "x.vitviz", {})
    assert "no folder" in said[0]
    assert sorted(one.name for one in file.parent.iterdir()) == ["photo.png"]


def test_a_crash_leaves_a_session_and_a_proper_end_does_not(
    session: Session,
) -> None:
    files = SessionFiles(session)
    files.autosave({})
    (left,) = settings_folder().glob("*.vitviz")
    assert files.left_behind() is None, "this vitviz runs: nothing was left behind"
    stamp = left.stat().st_mtime_ns
    files.autosave({})
    assert left.stat().st_mtime_ns == stamp, "nothing has changed"
    session.chosen.select(depth=0.0)
    session.chosen.select(depth=1.0)
    files.autosave({})
    assert left.stat().st_mtime_ns > stamp
    gone = left.with_name(f"autosave-{_ended_process()}.vitviz")
    left.rename(gone)
    assert files.left_behind() == gone
    again, _ = reopened(gone)
    assert len(again.pictures.open) == 2
    assert again.settings.now.recent_sessions == ()
    files.forget(gone)
    files.autosave({})
    files.forget()
    assert list(settings_folder().glob("*.vitviz")) == []


def test_a_session_taken_back_after_a_crash_goes_on_in_its_own_file(
    session: Session, tmp_path: Path
) -> None:
    file = tmp_path / "mine.vitviz"
    files = SessionFiles(session)
    files.save(file, {})
    files.autosave({})
    (left,) = settings_folder().glob("*.vitviz")
    gone = left.rename(left.with_name(f"autosave-{_ended_process()}.vitviz"))
    after = SessionFiles(Session(InlineJobs(), save=lambda _settings: ""))
    after.open(gone)
    assert after.file == file
    files.open(file)
    assert "autosave" not in file.read_text()
    assert session_format.read(file).file == "", (
        "only what is written for a crash names another file"
    )


def _ended_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_where_one_file_was_found_others_are_looked_for(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    gone = [MissingFiles(name, name, f"/old/{name}") for name in ("a.png", "b.png", "c.png")]
    assert session_format.beside_this(tmp_path / "a.png", gone) == {
        "a.png": str(tmp_path / "a.png"),
        "b.png": str(tmp_path / "b.png"),
    }


def test_what_was_said_of_a_model_is_in_the_file(tmp_path: Path) -> None:
    facts = SaidFacts(
        mean=(0.5,), std=(0.5,), crop_pct=0.9, classes="n.txt", multi_label=True, encoder="student"
    )
    said = ModelRequest("a.pth", input_size=(96, 128), architecture="test_vit", facts=facts)
    saved = session_format.SavedSession(**session_format.header(), columns=(Column(0, said),))
    session_format.write(saved, tmp_path / "a.vitviz")
    assert session_format.read(tmp_path / "a.vitviz").columns[0].model == said


def test_a_what_if_of_a_column_comes_back(session: Session, file: Path) -> None:
    change = Intervention(heads=((0, 1), (2, 0)), moved=(0.1, 0.0), neurons=((1, 3),))
    column = Column(0, ModelRequest("test_vit", pretrained=False, change=change))
    saved = session_format.SavedSession(**session_format.header(), columns=(column,))
    session_format.write(saved, file)
    assert session_format.read(file).columns == (column,)
