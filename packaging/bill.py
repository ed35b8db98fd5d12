"""The bill of materials: what is inside a built folder, of which version, under which licence."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import uuid
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any

import msgspec
from project import BUILD, NAME, ROOT, version

sys.path.insert(0, str(ROOT))
from vitviz.session.app.licences import LicensedPart, part, texts

Contents = dict[str, list[Any]]
"""What PyInstaller put in: `modules` by name, `files` as [where it goes, where it came from]."""


def write(contents: Contents, resources: Path, bill: Path) -> tuple[LicensedPart, ...]:
    """Puts parts and licence texts beside the shipped resources, and the bill where it is wanted."""
    found = [*python_parts(contents), *system_parts(contents)]
    folder = resources / "licences"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "parts.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))
    (folder / "licences.txt").write_text("\n".join(_pages(found)), encoding="utf-8")
    bill.write_text(json.dumps(cyclonedx(found), indent=1) + "\n", encoding="utf-8")
    return tuple(found)


def read_contents() -> Contents:
    """What the last build put in."""
    found: Contents = json.loads((BUILD / "contents.json").read_text(encoding="utf-8"))
    return found


def python_parts(contents: Contents) -> list[LicensedPart]:
    """Python, and every package of which a module or a file is inside."""
    tops = {name.partition(".")[0] for name in contents["modules"]}
    tops |= {Path(goes).parts[0] for goes, _ in contents["files"]}
    by_module = packages_distributions()
    names = {name for top in tops for name in by_module.get(top, ())} - {NAME}
    found = [part(distribution(name)) for name in names]
    found.append(
        LicensedPart(
            "Python", platform.python_version(), "PSF-2.0", "generic", "https://www.python.org"
        )
    )
    return sorted(found, key=lambda one: one.name.lower())


def system_parts(contents: Contents) -> list[LicensedPart]:
    """The system's own libraries that were copied in, by the package that they are of (Debian)."""
    sources = [source for _, source in contents["files"] if source.startswith(("/lib", "/usr/lib"))]
    owners = sorted({owner for source in sources if (owner := _owner(source))})
    return [LicensedPart(name, number, _licence_of(name), "deb") for name, number in owners]


@cache
def _owner(source: str) -> tuple[str, str] | None:
    """The Debian package of a file, with its version; None on other systems."""
    for path in (source, source.removeprefix("/usr")):
        try:
            asked = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True)
        except FileNotFoundError:
            return None
        if asked.returncode == 0:
            name = asked.stdout.partition(":")[0]
            said = subprocess.run(
                ["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True
            )
            return name, said.stdout
    real = str(Path(source).resolve())
    return _owner(real) if real != source else None


def _licence_of(package: str) -> str:
    """The licences that a Debian package's copyright file names."""
    names = []
    for line in _copyright(package).splitlines():
        if line.startswith("License:") and (name := line.partition(":")[2].strip()):
            names.append(name)
    return ", ".join(dict.fromkeys(names)) or "see its copyright file"


def _copyright(package: str) -> str:
    file = Path("/usr/share/doc", package, "copyright")
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def _pages(found: list[LicensedPart]) -> Iterator[str]:
    """All licence texts, one part after the other."""
    yield f"vitviz {version()}\n{'=' * 78}\n\n{(ROOT / 'LICENSE').read_text(encoding='utf-8')}"
    for one in found:
        yield f"\n{one.name} {one.version}: {one.licence}\n{'=' * 78}\n"
        match one.kind:
            case "pypi":
                yield from (
                    f"\n[{name}]\n\n{text}" for name, text in texts(distribution(one.name)).items()
                )
            case "deb":
                yield _copyright(one.name)
            case _:
                yield _python_licence()
    for file in sorted((ROOT / "packaging" / "texts").glob("*.txt")):
        yield f"\n{file.stem}\n{'=' * 78}\n\n{file.read_text(encoding='utf-8')}"


def _python_licence() -> str:
    base = Path(sys.base_prefix)
    library = f"python{sys.version_info.major}.{sys.version_info.minor}"
    places = (
        base / "lib" / library / "LICENSE.txt",
        base / "LICENSE.txt",
        Path("/usr/share/doc", library, "copyright"),
    )
    found = next((place for place in places if place.is_file()), None)
    return found.read_text(encoding="utf-8") if found else "https://docs.python.org/3/license.html"


def cyclonedx(found: list[LicensedPart]) -> dict[str, Any]:
    """The bill in CycloneDX 1.5; the same parts give the same serial number."""
    components = [_component(one) for one in found]
    text = json.dumps(components, sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, text)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": f"pkg:generic/{NAME}@{version()}",
                "name": NAME,
                "version": version(),
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": components,
    }


def _component(one: LicensedPart) -> dict[str, Any]:
    where = "debian/" if one.kind == "deb" else ""
    address = f"pkg:{one.kind}/{where}{one.name.lower()}@{one.version}"
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": address,
        "name": one.name,
        "version": one.version,
        "purl": address,
        "licenses": [{"license": {"name": one.licence}}],
    }
    if one.page.startswith("http"):
        found["externalReferences"] = [{"type": "website", "url": one.page}]
    return found
