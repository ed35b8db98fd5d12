"""Builds what is shipped, on the system that it is for: `python packaging/build.py [WHAT ...]`.

WHAT: folder, tarball, deb (Linux), windows, macos; without it all that this system makes. Needs an
environment with vitviz's dependencies and PyInstaller (packaging/README.md). --dry-run only says
what would be done.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from project import BUILD, DIST, NAME, ROOT, version

FOLDER = DIST / NAME
SPEC = ROOT / "packaging" / "vitviz.spec"
KINDS = {
    "linux": ("folder", "tarball", "deb"),
    "win32": ("folder", "windows"),
    "darwin": ("folder", "macos"),
}


@dataclass(frozen=True)
class Step:
    """One thing to do, and its words."""

    words: str
    action: Callable[[], object]


def main() -> int:
    """Does the steps in order; the first that fails ends it."""
    asked = _arguments()
    for step in steps(asked.what, asked.releases, asked.sign, asked.notarise, asked.system):
        print(f"- {step.words}", flush=True)
        if not asked.dry_run:
            step.action()
    return 0


def steps(
    what: list[str],
    releases: str = "",
    sign: str = "-",
    notarise: str = "",
    system: str = sys.platform,
) -> list[Step]:
    """All that is to be done for these kinds."""
    chosen = what or list(KINDS[system])
    found = _folder_steps(releases, system) if "folder" in chosen else []
    for kind in chosen:
        found += _packed(kind, sign, notarise) if kind != "folder" else []
    return [*found, Step(f"write the checksums of {DIST / 'SHA256SUMS'}", checksums)]


def _folder_steps(releases: str, system: str) -> list[Step]:
    freeze = [
        sys.executable,
        "-m",
        "PyInstaller",
        "--noconfirm",
        "--clean",
        "--distpath",
        str(DIST),
        "--workpath",
        str(BUILD),
        str(SPEC),
    ]
    return [
        Step(f"make the icons in {BUILD}", _icons),
        Step(_words(freeze), lambda: _run(freeze)),
        Step("write the bill of materials and all licence texts", lambda: _bill(releases, system)),
        Step("try it: vitviz smoke, beside the same from the sources", lambda: tried(system)),
        Step("try its window, without a screen", lambda: shown(program(system))),
        Step("report the sizes", _sizes),
    ]


def _packed(kind: str, sign: str, notarise: str) -> list[Step]:
    match kind:
        case "tarball" | "deb":
            import linux

            stage = linux.stage_deb if kind == "deb" else linux.stage_tar
            first = Step(
                f"stage the tree of the {kind} in {BUILD}, and try its window",
                lambda: shown(stage(_made()) / (f"opt/{NAME}/{NAME}" if kind == "deb" else NAME)),
            )
            return [first, *_commands(linux.commands(kind))]
        case "windows":
            setup = [
                _inno(),
                f"/DVersion={version()}",
                f"/DSource={FOLDER}",
                f"/DOutput={DIST}",
                str(ROOT / "packaging" / "windows" / "vitviz.iss"),
            ]
            return [
                Step("find Inno Setup's compiler", lambda: _found(setup[0])),
                *_commands([setup]),
            ]
        case "macos":
            import macos

            return [
                Step("find Apple's tools", lambda: _found("codesign")),
                *_commands(macos.signing(sign)),
                Step("try the signed application's window", lambda: shown(macos.program())),
                *_commands(macos.packing(sign, notarise)),
            ]
        case _:
            raise SystemExit(f"there is no {kind!r} to build; there are: {', '.join(_all_kinds())}")


def _made() -> Path:
    """The folder that is packed."""
    if not FOLDER.is_dir():
        raise SystemExit(
            f"there is no {FOLDER} to pack; make it first: python packaging/build.py folder"
        )
    return FOLDER


def _commands(lines: list[list[str]]) -> list[Step]:
    return [Step(_words(one), partial(_run, one)) for one in lines]


def program(system: str = sys.platform) -> Path:
    """What starts the built folder's command line."""
    names = {"win32": f"{NAME}-cli.exe"}
    return FOLDER / names.get(system, NAME)


def inside(system: str = sys.platform) -> list[Path]:
    """Where the built folder keeps vitviz's data: on macOS also inside the application."""
    found = [FOLDER / "_internal" / NAME / "resources"]
    if system == "darwin":
        found.append(DIST / f"{NAME}.app" / "Contents" / "Resources" / NAME / "resources")
    return found


def tried(system: str = sys.platform) -> None:
    """The frozen vitviz counts the same views, families and models as the one that it was made from."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
    }
    line = subprocess.run(
        [program(system), "smoke"], env=environment, capture_output=True, text=True
    )
    print(line.stdout, line.stderr, sep="")
    frozen, plain = (
        json.loads(subprocess.run(start, cwd=ROOT, env=env, capture_output=True, check=True).stdout)
        for start, env in (
            ([str(program(system)), "smoke", "--json"], environment),
            ([sys.executable, "-c", _SOURCES], dict(os.environ)),
        )
    )
    counted = ("version", "views", "families", "models", "pictures", "names", "drawn", "refused")
    differs = [
        f"{name}: {frozen[name]}, not {plain[name]}"
        for name in counted
        if frozen[name] != plain[name]
    ]
    if differs:
        raise SystemExit(f"the frozen vitviz lacks something: {'; '.join(differs)}")


# torchvision of another build needs the same words as in the frozen one.
_SOURCES = (
    "import sys, runpy; sys.path.insert(0, '.')\n"
    "try: import torchvision\n"
    "except Exception: runpy.run_path('packaging/hooks/torchvision_operators.py')\n"
    "for name in [n for n in sys.modules if n.startswith('torchvision')]: del sys.modules[name]\n"
    "from vitviz.cli import run; sys.exit(run(['smoke', '--json'], lambda _: 1))"
)


def shown(program: Path) -> None:
    """A window of this tree opens, reads the bundled photograph and paints every view."""
    picture = BUILD / "window.png"
    picture.unlink(missing_ok=True)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
    }
    environment |= {"QT_QPA_PLATFORM": "offscreen", "VITVIZ_CONFIG_DIR": str(BUILD / "settings")}
    subprocess.run([program, "--screenshot", picture], env=environment, check=True)
    print(f"{picture}: {picture.stat().st_size} bytes")


def checksums() -> None:
    """SHA256SUMS over everything that is shipped: `sha256sum -c SHA256SUMS` checks a download."""
    files = sorted(path for path in DIST.iterdir() if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (DIST / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    print("".join(f"{path.stat().st_size / 1e6:8.1f} MB  {path.name}\n" for path in files), end="")


def _icons() -> None:
    import icons

    BUILD.mkdir(exist_ok=True)
    icons.write(BUILD)
    _version_resource(BUILD / "version.txt")


def _version_resource(file: Path) -> None:
    """What Windows shows under Properties, Details."""
    numbers = (*map(int, version().split(".")[:3]), 0)
    strings = {
        "FileDescription": "vitviz",
        "FileVersion": version(),
        "ProductName": "vitviz",
        "ProductVersion": version(),
        "LegalCopyright": "MIT licence",
    }
    rows = ", ".join(f"StringStruct({name!r}, {value!r})" for name, value in strings.items())
    file.write_text(
        f"VSVersionInfo(ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}), kids=["
        f"StringFileInfo([StringTable('040904B0', [{rows}])]), "
        "VarFileInfo([VarStruct('Translation', [1033, 1200])])])\n",
        encoding="utf-8",
    )


def _bill(releases: str, system: str) -> None:
    import bill

    for resources in inside(system):
        if releases:
            (resources / "releases.txt").write_text(f"{releases}\n", encoding="utf-8")
        found = bill.write(
            bill.read_contents(), resources, DIST / f"{NAME}-{version()}-{system}.cdx.json"
        )
        print(f"{len(found)} parts")


def _sizes() -> None:
    import sizes

    print(sizes.report(FOLDER))


def _inno() -> str:
    """Inno Setup's compiler: on the path, or where its own installer puts it."""
    programs = (os.environ.get(name) for name in ("ProgramFiles", "ProgramFiles(x86)"))
    usual = (
        file for place in programs if place for file in Path(place).glob("Inno Setup */ISCC.exe")
    )
    return "iscc" if shutil.which("iscc") else str(max(usual, default="iscc"))


def _found(tool: str) -> None:
    if shutil.which(tool) is None:
        raise SystemExit(f"{tool} was not found; packaging/README.md says what each system needs")


def _run(command: list[str]) -> None:
    subprocess.run(niced(command), cwd=ROOT, check=True)


def niced(command: list[str], system: str = sys.platform) -> list[str]:
    """The command as it is run: in nobody's way, where the system has a word for that."""
    # Git's shell brings a nice to Windows, which would take /DVersion for a path and rewrite it.
    return ["nice", "-n", "15", *command] if system != "win32" else command


def _words(command: list[str]) -> str:
    return " ".join(f'"{part}"' if " " in part else part for part in command)


def _all_kinds() -> list[str]:
    return sorted({kind for kinds in KINDS.values() for kind in kinds})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", nargs="*", choices=[*_all_kinds(), []], help="what to build")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser.add_argument("--system", default=sys.platform, choices=list(KINDS), help="for --dry-run")
    parser.add_argument(
        "--releases",
        default="",
        metavar="ADDRESS",
        help="where newer versions are announced: a code host's releases/latest",
    )
    parser.add_argument(
        "--sign", default="-", metavar="IDENTITY", help="macOS: Developer ID Application"
    )
    parser.add_argument(
        "--notarise", default="", metavar="PROFILE", help="macOS: notarytool's profile"
    )
    asked = parser.parse_args()
    if asked.system != sys.platform and not asked.dry_run:
        parser.error(f"{asked.system} is built on {asked.system}; only --dry-run works elsewhere")
    return asked


if __name__ == "__main__":
    sys.exit(main())
