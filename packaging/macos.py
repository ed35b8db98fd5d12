"""What macOS must know of vitviz.app, and the commands that sign it and put it on a disk image."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from project import BUILD, DIST, IDENTIFIER, NAME, OWN, ROOT, version

APP = DIST / "vitviz.app"
ENTITLEMENTS = ROOT / "packaging" / "macos" / "entitlements.plist"
OLDEST = "14.0"
"""What the pinned torch is built for: its wheel says macosx_14_0_arm64, and there is none for Intel."""


def info() -> dict[str, Any]:
    """Info.plist: names, version, and what may be opened with vitviz or dropped on its icon."""
    return {
        "CFBundleName": NAME,
        "CFBundleDisplayName": NAME,
        "CFBundleIdentifier": IDENTIFIER,
        "CFBundleShortVersionString": version(),
        "CFBundleVersion": version(),
        "LSMinimumSystemVersion": OLDEST,
        "LSApplicationCategoryType": "public.app-category.education",
        "NSHighResolutionCapable": True,
        "NSHumanReadableCopyright": "MIT licence",
        "CFBundleDocumentTypes": [
            _documents("Picture", ["public.image"], [], "Alternate"),
            _documents("vitviz file", [], list(OWN.values()), "Owner"),
            _documents("Pictures", ["public.folder"], [], "None"),
        ],
    }


def _documents(name: str, types: list[str], suffixes: list[str], rank: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "CFBundleTypeName": name,
        "CFBundleTypeRole": "Viewer",
        "LSHandlerRank": rank,
    }
    if types:
        return found | {"LSItemContentTypes": types}
    return found | {"CFBundleTypeExtensions": suffixes}


def image() -> Path:
    """Where the disk image goes."""
    return DIST / f"{NAME}-{version()}-macos-{_machine()}.dmg"


def _machine() -> str:
    import platform

    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def program() -> Path:
    """What is started inside the application."""
    return APP / "Contents" / "MacOS" / NAME


def commands(identity: str = "-", profile: str = "") -> list[list[str]]:
    """Signs the application, makes the disk image, and has Apple notarise it when a profile is named.

    `identity` is a "Developer ID Application" certificate in the keychain ("-" signs for this
    computer only), `profile` what `xcrun notarytool store-credentials` stored.
    """
    return [*signing(identity), *packing(identity, profile)]


def signing(identity: str) -> list[list[str]]:
    """Signs the application; with a certificate under the hardened runtime, as notarising asks."""
    hardened = ["--options", "runtime", "--timestamp"] if identity != "-" else []
    return [
        [
            "codesign",
            "--force",
            "--deep",
            "--sign",
            identity,
            *hardened,
            "--entitlements",
            str(ENTITLEMENTS),
            str(APP),
        ],
        ["codesign", "--verify", "--deep", "--strict", str(APP)],
    ]


def packing(identity: str, profile: str) -> list[list[str]]:
    """Puts the signed application on a disk image; has that notarised when a profile is named."""
    stage = BUILD / "dmg"
    steps = [
        ["rm", "-rf", str(stage)],
        ["mkdir", "-p", str(stage)],
        ["ditto", str(APP), str(stage / APP.name)],
        ["ln", "-s", "/Applications", str(stage / "Applications")],
        [
            "hdiutil",
            "create",
            "-volname",
            NAME,
            "-srcfolder",
            str(stage),
            "-ov",
            "-format",
            "ULMO",
            str(image()),
        ],
    ]
    if profile:
        steps += [
            ["codesign", "--sign", identity, "--timestamp", str(image())],
            [
                "xcrun",
                "notarytool",
                "submit",
                str(image()),
                "--keychain-profile",
                profile,
                "--wait",
            ],
            ["xcrun", "stapler", "staple", str(image())],
        ]
    return steps


if __name__ == "__main__":
    for command in commands(*sys.argv[1:]):
        print(shlex.join(command))
