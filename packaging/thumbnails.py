"""Makes the small pictures of views that the gallery shows, dark and light, as the window draws them.

`python packaging/thumbnails.py PHOTO OTHER` draws every view of what the bundled models do with one
photograph (and with two, for views that compare), and writes `resources/views/THEME/VIEW.webp`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PIL import Image
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QFrame, QVBoxLayout

import vitviz
from vitviz.core.data.drawing import Drawing, Heat, HeatTiles, Message, Panel
from vitviz.core.data.plots import Plot, Table
from vitviz.core.progress import Unsupported
from vitviz.gui.canvas.panel_widget import PanelWidget
from vitviz.gui.widgets import theme
from vitviz.views import View, views

FOLDER = Path(__file__).resolve().parents[1] / "resources" / "views"
WIDTH, HEIGHT = 336, 210
"""Pixels: twice what a tile of the gallery has, for screens with two pixels to a point."""


def main() -> int:
    """Draws what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo")
    parser.add_argument("other")
    parser.add_argument("--only", nargs="*", default=[], metavar="VIEW")
    asked = parser.parse_args()
    application = QApplication(sys.argv[:1])
    drawn = dict(_drawings(asked.photo, asked.other, asked.only))
    for name in ("dark", "light"):
        theme.apply(application, theme.resolve(name))
        for view, drawing in drawn.items():
            size = _write(drawing, FOLDER / name / f"{view}.webp")
            print(f"{name} {view}: {size} bytes")
    return 0


def _drawings(photo: str, other: str, only: list[str]) -> list[tuple[str, Drawing]]:
    plain, words = vitviz.load("vitviz/flexvit"), vitviz.load("vitviz/tnt")
    pooled = vitviz.load("test_vit4", pretrained=False)
    against = vitviz.trace(plain, other)
    traces = [vitviz.trace(model, photo) for model in (plain, words, pooled)]
    found = []
    for view in views().values():
        if only and view.name not in only:
            continue
        trace = next((each for each in traces if not view.applies(each)), None)
        if trace is None:
            print(f"{view.name}: {view.applies(traces[0])}", file=sys.stderr)
            continue
        try:
            found.append((view.name, _drawing(view, trace, against)))
        except Unsupported as error:
            print(f"{view.name}: {error}", file=sys.stderr)
    return found


def _drawing(view: View, trace: vitviz.Trace, against: vitviz.Trace) -> Drawing:
    return vitviz.draw(
        view.name,
        trace,
        token=(trace.grid.rows // 2, trace.grid.cols // 2),
        layer=len(trace.layers) * 2 // 3 or None,
        against=against if view.traces == 2 else None,
        more=(against,) if view.takes_all({}) else (),
    )


def _telling(drawing: Drawing) -> Panel:
    """The panel that a view is known by: its first that is no sentence, a map before a table."""
    panels = [
        one for one in drawing.panels if one.layers and not isinstance(one.layers[0], Message)
    ]
    atlas = [one for one in panels if any(isinstance(layer, HeatTiles) for layer in one.layers)]
    told = [one for one in panels if any(isinstance(layer, Heat | Plot) for layer in one.layers)]
    return (
        atlas or told or [one for one in panels if not isinstance(one.layers[0], Table)] or panels
    )[0]


def _write(drawing: Drawing, file: Path) -> int:
    panel = _telling(drawing)
    frame = QFrame()
    frame.setObjectName("card")
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(6, 6, 6, 6)
    shown = PanelWidget()
    layout.addWidget(shown)
    shown.show_panel(panel)
    square = panel.space is not None and 0.8 < panel.extent.width / panel.extent.height < 1.25
    frame.resize(WIDTH + 60, (WIDTH if square else HEIGHT) + 90)
    frame.show()
    for _ in range(5):
        QApplication.processEvents()
    image = shown.content.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    plain = Image.frombuffer(
        "RGB",
        (image.width(), image.height()),
        bytes(image.constBits()),
        "raw",
        "RGB",
        image.bytesPerLine(),
        1,
    )
    if square:  # the middle, where a photograph has its subject
        scale = max(WIDTH / plain.width, HEIGHT / plain.height)
        plain = plain.resize((round(plain.width * scale), round(plain.height * scale)))
        left, top = (plain.width - WIDTH) // 2, (plain.height - HEIGHT) // 2
        plain = plain.crop((left, top, left + WIDTH, top + HEIGHT))
    plain = plain.resize((WIDTH, HEIGHT))
    file.parent.mkdir(parents=True, exist_ok=True)
    plain.save(file, quality=80, method=6)
    frame.close()
    return file.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
