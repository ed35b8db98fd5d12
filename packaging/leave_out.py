"""What a shipped vitviz does without: what only developers, tests or other programs need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from project import ROOT

Row = tuple[str, str, str]
"""A file as PyInstaller holds it: where it goes, where it comes from, and its kind."""

MODULES = [
    "IPython",
    "PIL.ImageTk",
    "PIL.ImageQt",
    "PyQt5",
    "PyQt6",
    "_pytest",
    "beartype",
    "cv2",
    "cupy",
    "hypothesis",
    "ipykernel",
    "jupyter",
    "mypy",
    "notebook",
    "numba",
    "pandas",
    "pip",
    "pygame",
    "pyqtgraph.examples",
    "pyqtgraph.opengl",
    "pyqtgraph.jupyter",
    "pytest",
    "pytestqt",
    "scipy",
    "readline",  # GPL, and of use at a prompt only
    "setuptools",
    "tensorboard",
    "tkinter",
    "wheel",
    "triton",  # compiles for CUDA, which vitviz never asks torch for
    "matplotlib.backends.backend_qt",
    "matplotlib.backends.backend_qtagg",
    "matplotlib.tests",
    "numpy.f2py",
    "numpy.testing.tests",
    "PySide6.QtQml",
    "PySide6.QtQuick",
    "PySide6.QtTest",
    "PySide6.QtDesigner",
]
"""Modules that some package would import if it were there, or that only its own tests use."""

_FILES = (
    r"torch/(include|share|test|testing)/",
    r"torch/bin/(?!torch_shm_manager)",  # torch asks for that one when it is imported
    r"torch/lib/lib(torchbind_test|jitbackend_test|backend_with_compiler|aoti_custom_ops)\.",
    r"torch/lib/.*\.(a|lib)$",
    r"torchvision/(datasets|io|prototype)/.*\.(so|pyd)$",
    r"(timm|torch|torchvision|matplotlib|pyqtgraph)/.*\.(cpp|cu|cuh|h|hpp|pyi|cmake)$",
    r"matplotlib/mpl-data/(sample_data|images|plot_directive)/",
    r"pyqtgraph/(examples|icons/peegee|colors/maps)/",
    r"PySide6/Qt/translations/(?!qtbase_)",
    r"PySide6/translations/(?!qtbase_)",
    r"PySide6/Qt/qml/",
    r"/plugins/platforms/lib(qeglfs|qlinuxfb|qvnc|qvkkhrdisplay|qminimalegl)\.so",
    r"/plugins/(egldeviceintegrations|networkinformation|tls|generic|qmltooling|sqldrivers)/",
    r"/plugins/platformthemes/libqgtk3",  # brings all of GTK for looks that vitviz has its own of
    r"/plugins/platforminputcontexts/.*virtualkeyboard",
    r"/plugins/imageformats/.*(pdf|icns|tga|wbmp)",
    r"(^|/)(lib)?Qt6?(Qml|Quick|VirtualKeyboard|Pdf|EglFS|Designer|Help|Sql|Test|Labs)[A-Za-z0-9]*\.",
    r"(^|/)(lib)?Qt6?(Eglfs|EglFsKms)[A-Za-z0-9]*\.",
    r"(^|/)(lib)?(Qt6)?(WaylandCompositor)[A-Za-z0-9]*\.",
    r"(^|/)opengl32sw\.dll$",
    r"(^|/)__pycache__/",
    r"(^|/)tests?/.*\.(py|pyc|npz|npy|csv|json|png)$",
)
_UNWANTED = re.compile("|".join(f"(?:{pattern})" for pattern in _FILES))
# torchvision's own binaries load only beside the torch that they were built for.
_FOREIGN = re.compile(r"torchvision/.*\.(so|pyd|dylib)|torchvision\.libs/")


def wanted(name: str, *, foreign: bool) -> bool:
    """Whether a file found by the hooks is shipped; `foreign` when torchvision is of another build."""
    path = name.replace("\\", "/")
    return not (_UNWANTED.search(path) or (foreign and _FOREIGN.search(path)))


def needed(rows: Sequence[Row]) -> list[Row]:
    """The binaries without system libraries that only binaries left out had wanted.

    Those lie at the top of the folder; one is kept when something that stays names it.
    """
    kept = list(rows)
    while True:
        wanted_by_some = {name for row in kept if row[2] != "SYMLINK" for name in _names(row[1])}
        there = {Path(row[0]).name for row in kept if row[2] != "SYMLINK"}
        fewer = [row for row in kept if not _loose(row, wanted_by_some, there)]
        if len(fewer) == len(kept):
            return kept
        kept = fewer


def _loose(row: Row, wanted_by_some: set[str], there: set[str]) -> bool:
    """Whether a row is a library at the top that nothing needs, or a link to nothing."""
    name, _, kind = row
    if kind == "SYMLINK":
        return ".so" in name and Path(name).name not in there
    library = name.startswith("lib") and not name.startswith("libpython")  # others are modules
    return library and "/" not in name and kind == "BINARY" and name not in wanted_by_some


@cache
def _names(path: str) -> frozenset[str]:
    """The libraries that a binary names."""
    from PyInstaller.depend.bindepend import get_imports

    return frozenset(Path(name).name for name, _ in get_imports(path))


def resources() -> Iterator[tuple[str, Path]]:
    """The bundled data by the folder that it goes to: what trains a model or fills README stays, and
    so do the parts of catalogues, which go compiled.
    """
    for path in sorted((ROOT / "resources").rglob("*")):
        inside = path.relative_to(ROOT / "resources")
        if (
            path.is_file()
            and inside.parts[0] != "readme"
            and path.suffix not in (".py", ".pyc", ".po")
        ):
            yield inside.parent.as_posix(), path
