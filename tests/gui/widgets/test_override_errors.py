"""An error in what Qt calls back is told, and kills nobody."""

from __future__ import annotations

import subprocess
import sys

import pytest

_CODE = """
import sys, shiboken6
import vitviz.gui.widgets
from PySide6.QtWidgets import QApplication, QWidget

class Faulty(QWidget):
    def resizeEvent(self, event):
        {fault}

app = QApplication([])
faulty = Faulty()
gone = QWidget()
shiboken6.delete(gone)
for act in (faulty.show, lambda: faulty.resize(300, 200)):
    try:
        act()
    except Exception as error:
        print("told:", type(error).__name__)
print("alive")
"""


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("int('x')", "ValueError"),
        ("[][3]", "IndexError"),
        ("{}['range']", "KeyError"),
        ("gone.width()", "RuntimeError"),
        ("self.nothing", "AttributeError"),
    ],
)
def test_an_error_that_c_code_raised_is_told(fault: str, kind: str) -> None:
    order = [sys.executable, "-c", _CODE.format(fault=fault)]
    ended = subprocess.run(order, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [f"told: {kind}"] * 2 + ["alive"]
