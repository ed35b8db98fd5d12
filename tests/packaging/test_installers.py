"""What is shipped agrees with vitviz and with itself: versions, names, types, systems."""

from __future__ import annotations

import configparser
import importlib
import os
import plistlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import vitviz
from vitviz.core.data.weight_files import CHECKPOINT_ENDINGS
from vitviz.gui.app import qt_platform
from vitviz.session.files.session_format import SUFFIX

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
RELEASE = PACKAGING.parent / ".github" / "workflows" / "release.yml"


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Scripts beside each other import each other; no other test sees them."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(PACKAGING))
    yield
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).parent == PACKAGING:
            del sys.modules[name]


def script(name: str) -> ModuleType:
    return importlib.import_module(name)


def test_the_version_comes_from_the_package_alone() -> None:
    assert script("project").version() == vitviz.__version__
    here = "".join(
        path.read_text(encoding="utf-8")
        for path in PACKAGING.rglob("*")
        if path.suffix in (".py", ".spec", ".iss", ".desktop", ".xml", ".plist", ".sh")
    )
    assert not re.search(rf"(?<![\d.]){re.escape(vitviz.__version__)}(?![\d.])", here)


def test_sessions_and_weights_open_on_a_double_click() -> None:
    own = script("project").OWN
    assert SUFFIX.removeprefix(".") in own.values()
    assert {f".{suffix}" for suffix in own.values()} - {SUFFIX} <= set(CHECKPOINT_ENDINGS)


def test_linux_offers_the_same_types() -> None:
    project = script("project")
    entry = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    entry.optionxform = str  # type: ignore[assignment, method-assign]
    entry.read(PACKAGING / "linux" / "vitviz.desktop")
    desktop = entry["Desktop Entry"]
    types = desktop["MimeType"].rstrip(";").split(";")
    assert types == [*project.PICTURES, *project.OWN]
    assert desktop["Exec"] == "vitviz %F"
    tree = ET.parse(PACKAGING / "linux" / "vitviz.xml")
    space = "{http://www.freedesktop.org/standards/shared-mime-info}"
    declared = {
        kind.get("type"): glob.get("pattern")
        for kind in tree.iter(f"{space}mime-type")
        for glob in kind.iter(f"{space}glob")
    }
    assert declared == {kind: f"*.{suffix}" for kind, suffix in project.OWN.items()}


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="Debian packages are made on Linux"
)
def test_the_debian_package_declares_what_qt_needs() -> None:
    linux = script("linux")
    control = linux.control(900_000)
    assert f"Version: {vitviz.__version__}\n" in control
    needed = re.search(r"^Depends: (.*)$", control, re.MULTILINE)
    assert needed is not None
    packages = needed[1].split(", ")
    assert {package for _, package, _ in qt_platform.libraries()} <= set(packages)
    assert {"libxcb-cursor0", "libxkbcommon-x11-0", "libegl1"} <= set(packages)
    assert control.endswith("\n")


def test_macos_offers_the_same_types() -> None:
    macos, project = script("macos"), script("project")
    info = macos.info()
    plistlib.dumps(info)
    assert info["CFBundleShortVersionString"] == vitviz.__version__
    suffixes = {
        suffix
        for kind in info["CFBundleDocumentTypes"]
        for suffix in kind.get("CFBundleTypeExtensions", ())
    }
    assert suffixes == set(project.OWN.values())
    assert plistlib.loads(macos.ENTITLEMENTS.read_bytes())
    signed = [" ".join(command) for command in macos.commands("Developer ID Application: A", "p")]
    assert any("--options runtime" in command for command in signed)
    assert signed[-1].startswith("xcrun stapler staple")
    assert not any("notarytool" in " ".join(command) for command in macos.commands())


def test_windows_offers_the_same_types() -> None:
    project = script("project")
    text = (PACKAGING / "windows" / "vitviz.iss").read_text(encoding="utf-8")
    offered = set(re.findall(r"Classes\\\.(\w+)", text))
    pictures = {suffix for suffixes in project.PICTURES.values() for suffix in suffixes}
    assert offered == {*pictures, *project.OWN.values()}
    supported = set(re.findall(r'SupportedTypes".*ValueName: "\.(\w+)"', text))
    assert supported == pictures
    assert project.IDENTIFIER in text
    assert "PrivilegesRequired=lowest" in text
    made = set(re.findall(r'Subkey: "Software\\Classes\\(vitviz\.\w+)"', text))
    assert set(re.findall(r'Progids".*ValueName: "(vitviz\.\w+)"', text)) <= made


def test_windows_takes_every_key_away_again() -> None:
    text = (PACKAGING / "windows" / "vitviz.iss").read_text(encoding="utf-8")
    keys = re.findall(r'^Root: HKA; Subkey: "Software\\Classes\\([^"]+)"(.*)$', text, re.MULTILINE)
    gone = {key for key, rest in keys if "uninsdeletekey" in rest}
    left = [key for key, _ in keys if not {key, *parents(key)} & gone]
    assert left == []
    # Others may have put something there: it goes when it is empty, and last (Inno goes backwards).
    shared = [(key, rest) for key, rest in keys if key.startswith(".")]
    assert all("uninsdeletekeyifempty" in rest for _, rest in shared)
    order = [key for key, _ in shared]
    assert all(order.index(key.partition("\\")[0]) <= order.index(key) for key in order)


def parents(key: str) -> list[str]:
    parts = key.split("\\")
    return ["\\".join(parts[:count]) for count in range(1, len(parts))]


def test_a_build_is_in_nobodys_way() -> None:
    build = script("build")
    assert build.niced(["xz"], "linux") == ["nice", "-n", "15", "xz"]
    assert build.niced(["iscc", "/DVersion=1"], "win32") == ["iscc", "/DVersion=1"]


def test_the_compiler_of_windows_is_found_where_its_installer_puts_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    build = script("build")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("ProgramFiles(x86)", str(tmp_path))
    assert build._inno() == "iscc", "what is missing is named plainly"
    compiler = tmp_path / "Inno Setup 6" / "ISCC.exe"
    compiler.parent.mkdir()
    compiler.touch()
    assert build._inno() == str(compiler)


@pytest.mark.parametrize("system", ["linux", "win32", "darwin"])
def test_a_dry_run_says_what_would_be_done_and_does_nothing(system: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(PACKAGING / "build.py"), "--dry-run", "--system", system],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "PyInstaller" in done.stdout
    made = {"linux": f"vitviz_{vitviz.__version__}_", "win32": "iscc", "darwin": "hdiutil"}[system]
    assert made in done.stdout
    assert "checksums" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_package_of_nothing_says_what_to_make_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    build = script("build")
    monkeypatch.setattr(build, "FOLDER", tmp_path / "vitviz")
    first, *_ = build.steps(["deb"], system="linux")
    with pytest.raises(SystemExit, match=r"make it first: python packaging/build\.py folder"):
        first.action()


@pytest.mark.skipif(sys.platform == "win32", reason="bash")
def test_the_release_says_what_it_would_do_before_anything_is_installed(tmp_path: Path) -> None:
    done = subprocess.run(
        [PACKAGING.parent / ".ci" / "release", "--dry-run"],
        env={"PATH": os.environ["PATH"], "PYTHON": sys.executable, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "packaging/requirements.txt" in done.stdout
    assert "PyInstaller" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_out() -> None:
    leave_out = script("leave_out")
    out = (
        "torch/include/ATen/ATen.h",
        "torch/testing/_internal/common.py",
        "torch/bin/protoc",
        "PySide6/Qt/plugins/platforms/libqvnc.so",
        "libQt6Quick.so.6",
        "libQt6QmlModels.so.6",
        "PySide6\\translations\\qt_de.qm",
        "numpy/tests/test_x.py",
    )
    kept = (
        "torch/bin/torch_shm_manager",
        "torch/lib/libtorch_cpu.so",
        "libQt6Network.so.6",
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "PySide6/Qt/plugins/imageformats/libqsvg.so",
        "PySide6/Qt/plugins/platforms/libqoffscreen.so",
        "vitviz/resources/tables.npz",
        "torchvision/ops/misc.py",
    )
    assert [name for name in out if leave_out.wanted(name, foreign=False)] == []
    assert [name for name in kept if not leave_out.wanted(name, foreign=True)] == []
    assert leave_out.wanted("torchvision/_C.so", foreign=False)
    assert not leave_out.wanted("torchvision/_C.so", foreign=True)


def test_the_data_that_is_shipped() -> None:
    shipped = {path.name: folder for folder, path in script("leave_out").resources()}
    assert shipped["tables.npz"] == "."
    assert shipped["icon.svg"] == "."
    assert shipped["flexvit.safetensors"] == "models"
    assert shipped["LICENCES.md"] == "images"
    assert not [name for name in shipped if name.endswith(".py")]


def test_the_bill_names_every_part_with_its_licence() -> None:
    bill = script("bill")
    contents = {"modules": ["timm.models", "json", "vitviz.core"], "files": [["PIL/x.so", "/x.so"]]}
    parts = bill.python_parts(contents)
    assert {"timm", "Python"} <= {one.name for one in parts}
    assert "pillow" in {one.name.lower() for one in parts}
    assert all(one.licence != "unknown" for one in parts)
    written = bill.cyclonedx(parts)
    assert written["metadata"]["component"]["version"] == vitviz.__version__
    timm = next(one for one in written["components"] if one["name"] == "timm")
    assert timm["purl"].startswith("pkg:pypi/timm@")
    assert "Apache" in timm["licenses"][0]["license"]["name"]
    assert bill.cyclonedx(parts) == written


def test_sizes_are_counted_once_and_by_part(tmp_path: Path) -> None:
    (tmp_path / "_internal/torch").mkdir(parents=True)
    (tmp_path / "_internal/torch/libtorch_cpu.so").write_bytes(b"x" * 4000)
    (tmp_path / "vitviz").write_bytes(b"x" * 30)
    (tmp_path / "_internal/libtorch.so").symlink_to("torch/libtorch_cpu.so")
    assert script("sizes").sizes(tmp_path) == {"torch": 4000, "Python code": 30}


def test_pinned_versions_are_all_that_vitviz_needs() -> None:
    pinned = (PACKAGING / "requirements.txt").read_text(encoding="utf-8")
    names = {key(line.partition("==")[0]) for line in pinned.splitlines() if "==" in line}
    needed = {
        key(re.split(r"[^\w.-]", one)[0]) for one in script("project").metadata()["dependencies"]
    }
    assert needed <= names
    assert {"pyinstaller", "pyinstaller-hooks-contrib"} <= names


def key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_a_tag_builds_all_systems_by_the_one_command() -> None:
    text = RELEASE.read_text(encoding="utf-8")
    assert ".ci/release" in text
    assert "SHA256SUMS" in text
    assert all(system in text for system in ("ubuntu-", "windows-", "macos-"))
    tried = re.findall(r"packaging/\w+/try\.\w+", text)
    assert len(tried) == 2
    assert all((PACKAGING.parent / script).is_file() for script in tried)
    installed = re.findall(r"\blib[a-z0-9.-]+[0-9]\b", text)
    assert set(installed) <= {package for _, package, _ in qt_platform.libraries()}
