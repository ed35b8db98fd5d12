"""Sessions saved and opened again, also after a crash: the work is done off the window's thread."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import msgspec
from psygnal import Signal

from vitviz.core.data.trace import Picture
from vitviz.core.data.weight_files import is_in_memory
from vitviz.core.files import is_running
from vitviz.core.language import _
from vitviz.core.progress import Progress
from vitviz.session.files import session_format
from vitviz.session.files.session_format import MissingFiles, SavedPicture, SavedSession
from vitviz.session.files.settings_folder import settings_folder
from vitviz.session.files.settings_store import recent
from vitviz.session.session import Session
from vitviz.session.work.log import sentence

_AUTOSAVE = "autosave-"


@dataclass(frozen=True, slots=True)
class _Found:
    """A session read, with its pictures, or with those that have gone."""

    saved: SavedSession
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    problems: Sequence[str] = ()
    gone: Sequence[MissingFiles] = ()
    to_fetch: Mapping[str, str] = field(default_factory=dict)


class SessionFiles:
    """Saves the session to files and opens them. Called and announced at home, as the session is."""

    saved_as = Signal(object)  # Path
    missing = Signal(object, object, list)  # Saved, Path, list[Gone]
    far = Signal(object, dict, dict)  # Path, what was told, models with where they would come from
    opened = Signal(object, dict)  # Path, what the window wanted to find again

    def __init__(self, session: Session) -> None:
        self.file: Path | None = None
        self._session = session
        self._pngs: dict[str, SavedPicture] = {}
        self._autosaved: SavedSession | None = None

    def save(self, file: Path, window: Mapping[str, str]) -> None:
        """Saves all that is open and chosen."""
        snapshot, pictures = self._snapshot(window), self._session.pictures.open

        def work(_progress: Progress) -> None:
            session_format.write(self._with_pictures(snapshot, pictures), file)

        self._session.jobs.submit(
            ("session", str(file)),
            work,
            lane="read",
            done=lambda _unused: self._saved(file, snapshot),
            failed=lambda error: self._say(error, _("saving {name}").format(name=file.name)),
            label=_("saving {name}").format(name=file.name),
        )

    def open(
        self,
        file: Path,
        told: Mapping[str, str] | None = None,
        *,
        download: Literal["ask", "yes", "no"] = "ask",
    ) -> None:
        """Opens a session. `missing` is announced where pictures or weights have gone; ask, then open
        it again with what was `told`: the key of each with its path, "" to leave it out.

        A file reaches the network only when a person has agreed: `far` is announced where models would
        have to be fetched; ask, then open it again with `download`, "no" to leave them out.
        """
        told = dict(told or {})

        def work(progress: Progress) -> _Found:
            found = session_format.found_weights(session_format.read(file), file, told)
            if download != "yes" and (far := session_format.to_fetch(found)):
                if download == "ask":
                    return _Found(found, to_fetch=far)
                found = session_format.without_models(found, far)
            there = session_format.found_files(found, file, told)
            gone = [
                one for one in session_format.missing_files(found, there) if one.key not in told
            ]
            if gone:
                return _Found(found, gone=gone)
            return _Found(found, *session_format.opened_pictures(found, there, progress))

        def done(result: _Found) -> None:
            if result.to_fetch:
                self.far.emit(file, told, dict(result.to_fetch))
            elif result.gone:
                self.missing.emit(result.saved, file, list(result.gone))
            else:
                self._open(result, file)

        self._session.jobs.submit(
            ("session", "open"),
            work,
            lane="read",
            done=done,
            failed=lambda error: self._say(error, _("opening {name}").format(name=file.name)),
            label=_("opening {name}").format(name=file.name),
        )

    # After a crash

    def autosave(self, window: Mapping[str, str]) -> None:
        """Saves what would be lost in a crash, when something has changed."""
        name = "" if self.file is None else str(self.file.absolute())
        snapshot = msgspec.structs.replace(self._snapshot(window), file=name)
        pictures = self._session.pictures.open
        if snapshot == self._autosaved or not pictures:
            return
        self._autosaved = snapshot
        file = _autosave_file()

        def work(_progress: Progress) -> None:
            file.parent.mkdir(parents=True, exist_ok=True)
            session_format.write(self._with_pictures(snapshot, pictures), file, private=True)

        self._session.jobs.submit(
            ("session", "autosave"),
            work,
            lane="read",
            done=lambda _unused: None,
            failed=lambda error: self._say(error, _("saving the session for the case of a crash")),
        )

    def left_behind(self) -> Path | None:
        """The newest session that a crash left behind."""
        found = [
            file
            for file in settings_folder().glob(f"{_AUTOSAVE}*{session_format.SUFFIX}")
            if not _runs(file.stem.removeprefix(_AUTOSAVE))
        ]
        return max(found, key=lambda file: file.stat().st_mtime, default=None)

    def forget(self, file: Path | None = None) -> None:
        """Throws away what was saved for the case of a crash: this vitviz's own, or that file."""
        (file or _autosave_file()).unlink(missing_ok=True)

    def forget_left(self, file: Path) -> None:
        """What a crash left behind is open again: this vitviz saves it under its own number now."""
        if file.parent == settings_folder():
            self.forget(file)

    # The line from a file to the columns

    def _open(self, found: _Found, file: Path) -> None:
        self._session.restore(found.saved, found.pictures)
        if file.parent != settings_folder():
            self.file = file
            self._remember(file)
        else:  # what a crash left behind goes on in the file that it had
            self.file = Path(found.saved.file) if found.saved.file else None
        self.opened.emit(file, dict(found.saved.window))
        if found.problems:
            self._session.problems.emit(list(found.problems))

    def _saved(self, file: Path, snapshot: SavedSession) -> None:
        self.file = file
        self._remember(file)
        self.saved_as.emit(file)
        asked = dict.fromkeys(column.model for column in snapshot.columns)
        own = [request.words for request in asked if is_in_memory(request.name)]
        if own:
            self._session.problems.emit(
                [
                    _(
                        "{name} has no weights of {own}: a model in memory cannot be "
                        "opened again by name; make it once more and call "
                        "vitviz.show(model)"
                    ).format(name=file.name, own=", ".join(own))
                ]
            )

    def _remember(self, file: Path) -> None:
        session = self._session
        sessions = recent(session.settings.now.recent_sessions, str(file.absolute()))
        session.settings.remember(recent_sessions=sessions)

    def _snapshot(self, window: Mapping[str, str]) -> SavedSession:
        """All but the pictures: only frozen values, so that it can be written by another thread."""
        session, columns = self._session, self._session.columns
        return SavedSession(
            **session_format.header(),  # type: ignore[arg-type]
            pictures=tuple(
                SavedPicture(p.key, p.name, p.path, **p.choice.said) for p in session.pictures.open
            ),
            columns=columns.all,
            selections=tuple(replace(live.selection, hover=None) for live in columns),
            active=columns.index(columns.active.id),
            reference=columns.index(columns.reference.id),
            together=session.columns.links,
            look=session.views.look,
            look_chosen=tuple(sorted(session.views.look_chosen)),
            options={
                view: dict(values) for view, values in session.views.options.items() if values
            },
            one_range=session.views.one_range,
            window=dict(window),
        )

    def _with_pictures(self, snapshot: SavedSession, pictures: Sequence[Picture]) -> SavedSession:
        """Pasted pictures are turned into PNG once."""
        for picture in pictures:
            if picture.key not in self._pngs:
                (self._pngs[picture.key],) = session_format.kept_pictures([picture])
        kept = tuple(self._pngs[picture.key] for picture in pictures)
        open_now = {picture.key for picture in pictures}
        self._pngs = {key: one for key, one in self._pngs.items() if key in open_now}
        return msgspec.structs.replace(snapshot, pictures=kept)

    def _say(self, error: Exception, doing: str) -> None:
        self._session.problems.emit([sentence(error, doing)])


def _autosave_file() -> Path:
    return settings_folder() / f"{_AUTOSAVE}{os.getpid()}{session_format.SUFFIX}"


def _runs(process: str) -> bool:
    """Whether a process of that number is alive: its session is in use, or it is this one."""
    return process.isdecimal() and is_running(int(process))
