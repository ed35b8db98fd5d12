"""The window measured: start, first picture, hover to painted, stalls while a model runs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

import numpy as np

from tests.benchmarks.run import TOY, BenchmarkRun, Row

WindowSize = tuple[str, str, int]
SIZES = (("vit_base_patch16_224", "196 patches", 16), ("vit_base_patch8_224", "784 patches", 33))
TOY_SIZES = ((TOY, "100 patches", 16),)

_SHOWN = """
import sys, time
from vitviz.core import garbage, idle_threads
garbage.own_this_process()
idle_threads.rest_between_products()
garbage.pause()
from PySide6.QtCore import QEvent, QObject
from vitviz.gui.app import application as starting
from vitviz.session.app.launch_options import LaunchOptions

class Watch(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint and type(watched).__name__ == "MainWindow":
            print("window", time.time(), "torch" in sys.modules, flush=True)
            watched.removeEventFilter(self)
        return False

watch = Watch()
build = starting.MainWindow.__init__
def built(self, *args):
    build(self, *args)
    self.installEventFilter(watch)
starting.MainWindow.__init__ = built
point = starting.ApplicationStarter._shoot
def shoot(self):
    print("painted", time.time() - 0.15, flush=True)  # the starter lets 150 ms pass for a screenshot
    point(self)
starting.ApplicationStarter._shoot = shoot
starting.run(LaunchOptions(model=MODEL, files=(PICTURE,), screenshot=SHOT), None, garbage.resume)
"""

_PLAIN = """
import time
import torch, timm
model = timm.create_model(NAME, pretrained=False).eval()
with torch.inference_mode():
    model(torch.zeros(1, 3, *model.patch_embed.img_size))
print("plain", time.time(), flush=True)
"""


def rows(run: BenchmarkRun) -> list[Row]:
    """All rows; a minute or two."""
    if run.toy:
        return [*themes(TOY), *starting(1), *hovering(2, TOY_SIZES), stalling(1, TOY)]
    # A theme is put on every window that there is: first, while there is one.
    return [*themes("vit_base_patch16_224"), *starting(), *hovering(), stalling()]


def _timed(code: str, words: dict[str, str], **variables: str) -> dict[str, list[str]]:
    """Runs a script in a fresh interpreter: what it printed, with seconds since its start."""
    for name, value in words.items():
        code = code.replace(name, repr(value))
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as an installed program is: compiled
    environment["VITVIZ_CONFIG_DIR"] = tempfile.mkdtemp()
    began = time.time()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    found = {}
    for line in done.stdout.splitlines():
        name, moment, *rest = line.split()
        found[name] = [str(float(moment) - began), *rest]
    return found


def starting(rounds: int = 5) -> list[Row]:
    """Cold starts against a plain script that imports, builds and runs the same network.

    Of a start to the window in 1.0 s: Python and Qt's own window 0.19, numpy 0.11, jaxtyping 0.09
    (half of it unittest.mock and asyncio, which it imports), Pillow 0.02, some 220 modules of
    vitviz's own 0.37, the window built, styled and painted 0.25.
    """
    from vitviz.core.pictures.picture_files import bundled_pictures
    from vitviz.models import bundled

    name = next((model.name for model in bundled()), "")
    if not name:
        return [("first picture painted", "<= 1.5 x", "no bundled model")]
    words = {"MODEL": name, "PICTURE": str(bundled_pictures()[0]), "SHOT": tempfile.mktemp(".png")}
    window, painted, plain = [], [], []
    for _ in range(rounds):
        shown = _timed(_SHOWN, words)
        assert shown["window"][1] == "False", "torch was imported before the window was shown"
        window.append(float(shown["window"][0]))
        painted.append(float(shown["painted"][0]))
        plain.append(float(_timed(_plain_of(name), {})["plain"][0]))
    ratio = statistics.median(p / q for p, q in zip(painted, plain, strict=True))
    return [
        (
            "window visible after start, torch not imported",
            "<= 0.5 s",
            f"{statistics.median(window):.2f} s",
        ),
        (
            "first picture painted with all views, cold start",
            "<= 1.5 x import + load + forward",
            f"{ratio:.2f} x ({statistics.median(painted):.2f} s / {statistics.median(plain):.2f} s)",
        ),
    ]


def _plain_of(name: str) -> str:
    """The same network by hand: import, build, read the weights, one plain forward."""
    return f"""
import time, json
import torch, timm
from safetensors.torch import load_file
from vitviz.models import bundled
card = next(m for m in bundled() if m.name == {name!r})
model = timm.models.VisionTransformer(**card.card["architecture"]["arguments"]).eval()
model.load_state_dict({{k: v.float() for k, v in load_file(str(card.file)).items()}}, strict=False)
with torch.inference_mode():
    model(torch.zeros(1, 3, *model.patch_embed.img_size))
print("plain", time.time(), flush=True)
"""


_ENDED: list[Measured] = []
"""Windows that were closed: were they garbage, a working thread could come to collect them."""


class Measured:
    """A whole window over an untrained ViT-B, its work done in threads as for a user."""

    def __init__(self, name: str, *, pretrained: bool = False, **sizes: int) -> None:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        from PySide6.QtCore import QTimer

        from vitviz.gui.app.application import application
        from vitviz.gui.app.main_window import MainWindow
        from vitviz.gui.widgets import theme
        from vitviz.gui.widgets.mailbox import Mailbox
        from vitviz.session.session import Session
        from vitviz.session.work.jobs import Jobs
        from vitviz.session.work.request import ModelRequest

        self.app = application()
        self.heart = QTimer()  # so that `until` never waits for ever
        self.heart.start(500)
        theme.apply(self.app, theme.DARK)
        self.mailbox = Mailbox()
        self.session = Session(Jobs(self.mailbox.deliver), save=lambda _settings: "")
        self.window = MainWindow(self.session)
        self.window.resize(1440, 900)
        self.window.show()
        self.request = ModelRequest(name, pretrained=pretrained, **sizes)
        picture = np.random.default_rng(0).integers(0, 255, (300, 300, 3)).astype(np.uint8)
        self.session.columns.use_model(self.request)
        self.session.open([picture])
        self.until(lambda: self.session.trace is not None and not self.session.waiting)

    def until(self, true: Callable[[], bool]) -> None:
        """Lets the window live until something is true."""
        from PySide6.QtCore import QEventLoop

        end = time.time() + 120
        while not true():
            # Waiting as a window does: polling would take the interpreter from those who draw.
            self.app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            if time.time() > end:
                raise TimeoutError("the window did not get there in two minutes")

    def drawn(self) -> bool:
        """Whether every view in sight has been drawn, and nothing runs."""
        board = self.window.board
        there = all(board.cards[name].drawing is not None for name in board.visible)
        return there and not self.session.waiting and not self.session.jobs.current

    def close(self) -> None:
        """Ends it, once nothing runs: a thread that is at work would outlive its window."""
        self.until(lambda: not self.session.waiting and not self.session.jobs.current)
        self.heart.stop()
        self.window.close()
        _ENDED.append(self)


def hovering(count: int = 120, sizes: Sequence[WindowSize] = SIZES) -> list[Row]:
    """From the wish to all views painted, once the window has been left alone for a few seconds."""
    found = []
    for name, words, target in sizes:
        measured = Measured(name)
        measured.until(lambda one=measured: not one.session.jobs.current)  # type: ignore[misc]
        times = sorted(hovers(measured, count))
        measured.close()
        where = f"hover to painted, all views, {words}"
        late = f"{times[int(0.95 * len(times))]:.1f} ms (worst {times[-1]:.0f} ms)"
        found += [
            (where, f"median <= {target} ms", f"{statistics.median(times):.1f} ms"),
            (f"the 95th percentile of {where}", "<= 33 ms", late),
        ]
    return found


def hovers(measured: Measured, count: int) -> list[float]:
    """Milliseconds of each step of a cursor over the picture, until all that follows it is painted."""
    from vitviz.core.data.selection import place_of

    session, trace = measured.session, measured.session.trace
    assert trace is not None
    views = measured.window.views
    follow = {name for name in measured.window.board.visible if "token" in views[name].follows}
    waiting: set[str] = set()
    measured.window.painted.connect(waiting.discard)
    times = []
    # A path like a mouse's: neighbours, row by row, with a jump now and then.
    grid = trace.grid
    for step in range(count + 10):
        token = grid.token((step // 12 * 3) % grid.rows, (step % 12 * 2) % grid.cols)
        waiting |= follow
        began = time.perf_counter()
        session.chosen.hover(place_of(token, grid, trace.crop))
        measured.until(lambda: not waiting)  # noqa: B023  (called before the loop goes on)
        measured.app.processEvents()
        times.append((time.perf_counter() - began) * 1000)
    return times[10:]


def stalling(rounds: int = 5, name: str = "vit_base_patch16_224") -> Row:
    """The longest gap between two beats of the window while a ViT-B reads pictures."""
    from PySide6.QtCore import QTimer

    measured = Measured(name)
    gaps: list[float] = []
    last = time.perf_counter()

    def beat() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append(now - last)
        last = now

    timer = QTimer()
    timer.setInterval(2)
    timer.timeout.connect(beat)
    longest = []
    for seed in range(rounds):
        picture = np.random.default_rng(seed + 1).integers(0, 255, (300, 300, 3)).astype(np.uint8)
        before = measured.session.trace
        gaps.clear()
        last = time.perf_counter()
        timer.start()
        measured.session.open([picture])
        measured.until(lambda old=before: measured.session.trace is not old)  # type: ignore[misc]
        timer.stop()
        longest.append(max(gaps) * 1000)
        measured.until(lambda: not measured.session.waiting)
    measured.close()
    return (
        "longest stall of the window while a model runs",
        "<= 50 ms",
        f"{statistics.median(longest):.0f} ms (worst of {rounds}: {max(longest):.0f} ms)",
    )


def themes(name: str, rounds: int = 4) -> list[Row]:
    """From the wish for another theme to a window painted in it."""
    from vitviz.gui.widgets import theme

    measured = Measured(name)
    measured.until(measured.drawn)
    times = []
    for turn in range(rounds):
        after: theme.ThemeName = "dark" if turn % 2 else "light"
        began = time.perf_counter()
        measured.window.set_theme(after)
        measured.window.repaint()
        measured.app.processEvents()
        times.append((time.perf_counter() - began) * 1000)
    measured.window.set_theme("dark")
    measured.close()
    return [
        (
            "theme switched, painted",
            "<= 300 ms",
            f"{statistics.median(times):.0f} ms (worst of {rounds}: {max(times):.0f} ms)",
        )
    ]
