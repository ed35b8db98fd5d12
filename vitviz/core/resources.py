"""Where the bundled data lies: beside the package in a clone, inside it when installed."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def resource_folder() -> Path:
    """The folder of bundled data. FileNotFoundError when the installation is incomplete."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "resources", package.parent / "resources"):
        if (folder / "tables.npz").is_file():
            return folder
    raise FileNotFoundError(
        f"vitviz's bundled data is missing beside {package}; please install vitviz again"
    )


def resource(name: str) -> Path:
    """The path of a bundled file, `models/flexvit.json` for example; it need not exist."""
    return resource_folder() / name
