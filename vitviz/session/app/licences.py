"""Whose work vitviz stands on, and under which licences: for About, and for what is shipped with it."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import msgspec

from vitviz.core.resources import resource

_SHIPPED = "licences/parts.json"
_TEXTS = re.compile(r"(licen[cs]es?|copying|notice|authors)[^/]*$|licen[cs]es/", re.IGNORECASE)


class LicensedPart(msgspec.Struct, frozen=True):
    """A package or library inside vitviz: its licence by name ("unknown" where it names none)."""

    name: str
    version: str
    licence: str
    kind: str = "pypi"
    page: str = ""


def parts() -> tuple[LicensedPart, ...]:
    """All that this vitviz stands on: as its build has written it, else as it is installed here."""
    shipped = resource(_SHIPPED)
    if shipped.is_file():
        return msgspec.json.decode(shipped.read_bytes(), type=tuple[LicensedPart, ...])
    try:
        found = closure(distribution("vitviz").requires or [])
    except PackageNotFoundError:  # a clone that was never installed
        found = closure(
            ["torch", "timm", "PySide6-Essentials", "pyqtgraph", "matplotlib", "pillow"]
        )
    return tuple(part(one) for one in found)


def texts_file() -> Path | None:
    """The file with every licence's text that a build has put beside the rest; None without one."""
    file = resource("licences/licences.txt")
    return file if file.is_file() else None


def closure(requirements: list[str]) -> tuple[Distribution, ...]:
    """The installed packages that these requirements lead to, by name; extras are not followed."""
    found: dict[str, Distribution] = {}
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name = re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0]
        key = re.sub(r"[-_.]+", "-", name).lower()
        if not key or key in found or "extra ==" in requirement.partition(";")[2]:
            continue
        try:
            found[key] = distribution(name)
        except PackageNotFoundError:
            continue  # for another system, or another Python
        waiting += found[key].requires or []
    return tuple(found[key] for key in sorted(found))


def part(one: Distribution) -> LicensedPart:
    """What an installed package says of itself."""
    told = one.metadata
    named = [line.partition(",") for line in told.get_all("Project-URL") or []]
    pages = {label.strip().lower(): page.strip() for label, _, page in named}
    best = [pages[label] for label in ("homepage", "repository", "source") if label in pages]
    page = told["Home-page"] or next(iter([*best, *pages.values()]), "")
    return LicensedPart(told["Name"], one.version, _licence(one), "pypi", page)


def texts(one: Distribution) -> dict[str, str]:
    """The licence files of an installed package, by their path inside it."""
    found = {}
    for file in one.files or []:
        path = Path(str(one.locate_file(file)))
        if _TEXTS.search(str(file)) and path.is_file() and path.suffix not in (".py", ".pyc"):
            found[str(file)] = path.read_text(encoding="utf-8", errors="replace")
    return found


def _licence(one: Distribution) -> str:
    """By its expression; else by its classifiers; else by the first line of what it wrote itself."""
    told = one.metadata
    if expression := told["License-Expression"]:
        return str(expression)
    kinds = [line for line in told.get_all("Classifier") or [] if line.startswith("License ::")]
    named = [kind.rpartition(" :: ")[2] for kind in kinds if not kind.endswith("OSI Approved")]
    first = (told["License"] or "").strip().partition("\n")[0]
    return ", ".join(named) or first[:80] or "unknown"
