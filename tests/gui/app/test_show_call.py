"""`vitviz.show`: the window from a script, from a notebook, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from handmade import Handmade
from PIL import Image
from pytestqt.qtbot import QtBot

import vitviz
from vitviz.core.progress import BadImage, BadModel, VitvizError
from vitviz.gui.app import shown_window

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import sys
import numpy as np
import torch
from handmade import Handmade
import vitviz

def qt():
    return [name for name in sys.modules if name.startswith("PySide6")]

assert callable(vitviz.show) and not qt()
module, pictures = Handmade().train(), [sys.argv[1], np.zeros((60, 80, 3), np.uint8)]
try:
    vitviz.show(module, "gone.jpg")
except vitviz.VitvizError as error:
    print(error)
assert not qt()

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

def close_when_drawn():
    from vitviz.gui.app.shown_window import open_windows
    for window in open_windows():
        session = window.session
        if session.trace is not None and len(session.pictures) == len(pictures):
            print(session.trace.model.name, len(session.trace.layers))
            window.close()
            timer.stop()

app = QApplication([])
timer = QTimer(interval=50)
timer.timeout.connect(close_when_drawn)
for shown in (module, vitviz.load(module, title="run 7")):
    timer.start()
    vitviz.show(shown, pictures)
    print(module.training, QApplication.instance() is app)
"""


def test_a_script_shows_waits_and_goes_on_also_a_second_time(
    tmp_path: Path, photo: np.ndarray
) -> None:
    Image.fromarray(photo).save(tmp_path / "a.png")
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "a.png")],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))),
            "XDG_CONFIG_HOME": str(tmp_path),
        },
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "there is no file gone.jpg; give the path of a picture",
        "memory://Handmade 3",
        "True True",
        "memory://run 7 3",
        "True True",
    ]


def test_a_window_that_is_closed_lets_its_model_go(qtbot: QtBot, photo: np.ndarray) -> None:
    model = vitviz.load(Handmade(), title="of mine")
    window = shown_window.open_window(model, [])
    assert window in shown_window.open_windows()
    window.close()
    qtbot.waitUntil(lambda: shown_window.open_windows() == ())


def test_what_is_no_model_or_picture_is_refused_in_a_sentence(photo: np.ndarray) -> None:
    with pytest.raises(BadModel, match="not 5; or it is a torch module"):
        vitviz.show(5, photo)
    with pytest.raises(BadImage, match="cannot be opened from int"):
        vitviz.show(Handmade(), [3])  # type: ignore[list-item]
    with pytest.raises(BadModel, match="makes no attention"):
        vitviz.show(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 8, 8), torch.nn.Flatten()), photo)
    assert shown_window.open_windows() == ()


def test_another_thread_opens_no_window(photo: np.ndarray) -> None:
    said: list[str] = []

    def call() -> None:
        try:
            vitviz.show("test_vit", photo)
        except VitvizError as error:
            said.append(str(error))

    thread = threading.Thread(target=call, name="reader")
    thread.start()
    thread.join()
    assert said == ["a window is opened by the main thread, not by reader; call vitviz.show there"]


@pytest.mark.filterwarnings("ignore")  # the kernel's own, about its event loop and its sockets
def test_in_a_notebook_it_returns_at_once_and_the_kernel_runs_its_events(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    Image.fromarray(photo).save(tmp_path / "a.png")
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), str(ROOT / "tests"))))
    # One cell: a kernel that runs Qt may miss a message that comes while it goes back to its events.
    cell = (
        "import vitviz; from handmade import Handmade\n"
        f"vitviz.show(Handmade(), {str(tmp_path / 'a.png')!r})\n"
        "from vitviz.gui.app.shown_window import open_windows\n"
        "from PySide6.QtCore import QEventLoop\n"
        "window, = open_windows()\n"
        "session, loop = window.session, QEventLoop()\n"
        "session.columns.trace_ready.connect(lambda *_: loop.quit())\n"
        "at_once = session.trace is None and window.isVisible()\n"
        "session.trace is not None or loop.exec()\n"
        "at_once, get_ipython().kernel.eventloop.__name__, len(session.trace.layers), window.close()"
    )
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    client.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    (text,) = [each["data"]["text/plain"] for each in book.cells[0].outputs if "data" in each]
    assert text == "(True, 'loop_qt', 3, True)"
