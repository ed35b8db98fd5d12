"""Sessions: a real one with hostile values in any place, and spoilt files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from .mutations import mutated
from .recipe_trials import changed, picture
from .trial_run import Refused, TrialCase

SHORT = 60


def attempt(name: str, data: bytes, folder: Path) -> None:
    """Opens one in a session; what cannot be opened is said, and the session goes on."""
    from vitviz.session.columns.column import ModelRequest
    from vitviz.session.session import Session
    from vitviz.session.session_files import SessionFiles
    from vitviz.session.work.jobs import InlineJobs

    file = folder / "hostile.vitviz"
    file.write_bytes(data)
    session = Session(InlineJobs(), save=lambda _settings: "")
    said: list[str] = []
    session.problems.connect(said.extend)
    session.columns.trace_failed.connect(lambda sentence, _column: said.append(sentence))
    files = SessionFiles(session)
    files.far.connect(lambda *asked: said.append("asked before anything is fetched"))
    files.missing.connect(lambda *asked: said.append("asked where files are now"))
    files.open(file)
    if wrong := next((each for each in said if "the details are in" in each), ""):
        raise AssertionError(f"nobody foresaw this: {wrong}")
    session.columns.use_model(ModelRequest("test_vit", pretrained=False))
    session.open([picture()])
    if session.trace is None:
        raise AssertionError(f"the session does not go on; it had said {said}")
    if said:
        raise Refused(said[0].splitlines()[0])


@cache
def whole() -> bytes:
    """A session of two columns over a pasted picture."""
    from vitviz.session.columns.column import ModelRequest
    from vitviz.session.session import Session
    from vitviz.session.session_files import SessionFiles
    from vitviz.session.work.jobs import InlineJobs

    made = Session(InlineJobs(), save=lambda _settings: "")
    made.columns.use_model(ModelRequest("test_vit", pretrained=False))
    made.open([picture()])
    made.columns.add_beside(ModelRequest("test_vit", pretrained=False, patch_size=32))
    with tempfile.TemporaryDirectory() as folder:
        SessionFiles(made).save(Path(folder, "mine.vitviz"), {"layout": "grid"})
        return Path(folder, "mine.vitviz").read_bytes()


def cases(seed: int) -> Iterator[TrialCase]:
    """The same for one seed, without end."""
    data = whole()
    yield TrialCase("whole", data)
    draw, known = np.random.default_rng(seed), json.loads(data)
    while True:
        if draw.random() < 0.7:
            session, how = changed(known, draw)
            yield TrialCase(how, json.dumps(session).encode())
        else:
            spoilt, how = mutated(data, draw, [data, b"{}" * 40])
            yield TrialCase(how, spoilt)
