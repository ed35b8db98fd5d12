"""What every installer must know of vitviz: its version, names and places, each from one source."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
BUILD = ROOT / "build"

NAME = "vitviz"
IDENTIFIER = "org.vitviz.vitviz"
MAINTAINER = "vitviz maintainers <maintainers@vitviz.invalid>"
PICTURES = {
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/webp": ("webp",),
    "image/bmp": ("bmp",),
    "image/gif": ("gif",),
    "image/tiff": ("tiff", "tif"),
}
"""Pictures by MIME type, with their suffixes: "open with" offers vitviz, which takes none over."""
OWN = {"application/x-vitviz-session": "vitviz", "application/x-safetensors": "safetensors"}
"""Files that vitviz opens on a double click: its own sessions, and weights."""


def version() -> str:
    """The version, read from the package without importing it."""
    tree = ast.parse((ROOT / "vitviz" / "core" / "version.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
            return str(ast.literal_eval(node.value))
    raise SystemExit(
        "vitviz/core/version.py names no __version__; every installer takes it from there"
    )


def metadata() -> dict[str, Any]:
    """The project's table in pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table: dict[str, Any] = tomllib.loads(text)["project"]
    return table
