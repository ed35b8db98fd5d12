"""How large a built folder is, part by part: `python packaging/sizes.py dist/vitviz`."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

_PARTS = (
    ("torch", r"_internal/torch/|libgomp"),
    ("Qt and PySide6", r"_internal/PySide6/|libQt6|libpyside|libshiboken|libicu|/shiboken6"),
    ("numpy", r"_internal/numpy|openblas|libgfortran|libquadmath"),
    ("pillow", r"_internal/(PIL|pillow)"),
    ("matplotlib and fonts", r"_internal/(matplotlib|fontTools|kiwisolver|contourpy)"),
    ("timm and torchvision", r"_internal/(timm|torchvision)"),
    ("vitviz's own data", r"_internal/vitviz/"),
    ("Python code", r"^vitviz[^/]*$|base_library|_internal/python|libpython|lib-dynload"),
    ("system libraries", r"_internal/lib[^/]*\.so"),
)


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of each part, the largest first; a link counts nothing."""
    found: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            inside = path.relative_to(folder).as_posix()
            named = (name for name, pattern in _PARTS if re.search(pattern, inside))
            found[next(named, "everything else")] += path.stat().st_size
    return dict(found.most_common())


def report(folder: Path) -> str:
    """The sizes as a table in MB (10^6 bytes), with their sum."""
    found = sizes(folder)
    rows = [f"{size / 1e6:8.1f} MB  {name}" for name, size in found.items()]
    return "\n".join([*rows, f"{sum(found.values()) / 1e6:8.1f} MB  together"])


if __name__ == "__main__":
    print(report(Path(sys.argv[1])))
