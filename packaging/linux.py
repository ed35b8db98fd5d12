"""vitviz for Linux: a Debian package and a tarball, both from the one built folder."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

import icons
import leave_out
from project import BUILD, DIST, MAINTAINER, NAME, ROOT, metadata, version

sys.path.insert(0, str(ROOT))
from vitviz.gui.app.qt_platform import libraries

HERE = ROOT / "packaging" / "linux"
# Compiled code in the folder needs these too; a system's own are newer and fit its drivers.
_ALSO = {"libstdc++.so.6": "libstdc++6", "libgcc_s.so.1": "libgcc-s1", "libz.so.1": "zlib1g"}


def machine() -> str:
    """The processor as Debian calls it."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def deb_file() -> Path:
    """Where the Debian package goes."""
    return DIST / f"{NAME}_{version()}_{machine()}.deb"


def tar_file() -> Path:
    """Where the tarball goes."""
    return DIST / f"{NAME}-{version()}-linux-{platform.machine()}.tar.xz"


def depends() -> dict[str, str]:
    """Libraries that the Debian package leaves to the system, and the packages that have them."""
    return {library: package for library, package, _ in libraries()} | _ALSO


def control(installed_kb: int) -> str:
    """What dpkg must know: name, version, size, and every package that Qt needs for a window."""
    libc = platform.libc_ver()[1] or "2.36"
    needs = [f"libc6 (>= {libc})", *sorted(set(depends().values()))]
    return (
        f"Package: {NAME}\nVersion: {version()}\nArchitecture: {machine()}\nMaintainer: {MAINTAINER}\n"
        f"Section: science\nPriority: optional\nInstalled-Size: {installed_kb}\n"
        f"Depends: {', '.join(needs)}\n"
        f"Description: see inside vision transformers\n {metadata()['description']}\n"
        " .\n Brings its own Python, PyTorch (CPU), Qt and a trained model; needs no network.\n"
    )


def stage_deb(folder: Path) -> Path:
    """The tree that is packed: the folder in /opt, a command, a menu entry, types and an icon."""
    tree = BUILD / "deb"
    shutil.rmtree(tree, ignore_errors=True)
    target = tree / "opt" / NAME
    shutil.copytree(folder, target, symlinks=True, copy_function=os.link)
    _leave_to_the_system(target / "_internal")
    share = tree / "usr" / "share"
    _copy(HERE / "vitviz.desktop", share / "applications")
    _copy(HERE / "vitviz.xml", share / "mime" / "packages")
    _copy(ROOT / "resources" / "icon.svg", share / "icons/hicolor/scalable/apps", "vitviz.svg")
    large = share / "icons/hicolor/256x256/apps"
    large.mkdir(parents=True)
    (large / "vitviz.png").write_bytes(icons.png(256))
    _copy(ROOT / "LICENSE", share / "doc" / NAME, "copyright")
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin" / NAME).symlink_to(f"/opt/{NAME}/{NAME}")
    size = sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file())
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(control(size // 1024), encoding="utf-8")
    for path in [tree, *tree.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    return tree


def stage_tar(folder: Path) -> Path:
    """The tree that is packed: the folder, and a script that puts it into the menu of one user."""
    tree = BUILD / f"{NAME}-{version()}"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(folder, tree, symlinks=True, copy_function=os.link)
    share = tree / "share"
    for name in ("vitviz.desktop", "vitviz.xml"):
        _copy(HERE / name, share)
    _copy(ROOT / "resources" / "icon.svg", share, "vitviz.svg")
    _copy(HERE / "menu.sh", tree)
    _copy(ROOT / "LICENSE", tree)
    return tree


def commands(kind: str) -> list[list[str]]:
    """Packs the staged tree."""
    if kind == "deb":
        packed = ["dpkg-deb", "--build", "--root-owner-group", "-Zxz", str(BUILD / "deb")]
        return [[*packed, str(deb_file())]]
    owner = ["--owner=0", "--group=0", "--numeric-owner", "--sort=name"]
    name = f"{NAME}-{version()}"
    return [["tar", *owner, "-I", "xz -6 -T0", "-cf", str(tar_file()), "-C", str(BUILD), name]]


def _leave_to_the_system(inside: Path) -> None:
    """Takes away what the package depends on instead, and what only that had needed."""
    for library in depends():
        (inside / library).unlink(missing_ok=True)
    rows = [
        (
            path.relative_to(inside).as_posix(),
            str(path),
            "SYMLINK" if path.is_symlink() else "BINARY",
        )
        for path in inside.rglob("*")
        if path.is_file() and ".so" in path.name
    ]
    kept = {row[0] for row in leave_out.needed(rows)}
    for name, path, _ in rows:
        if name not in kept and "/" not in name:
            Path(path).unlink()


def _copy(file: Path, folder: Path, name: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / (name or file.name)
    shutil.copyfile(file, target)
    target.chmod(0o755 if file.suffix == ".sh" else 0o644)
