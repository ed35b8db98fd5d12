"""What macOS must know of vitviz.app, and the commands that sign it and put it on a disk image."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from project import BUILD, DIST, IDENTIFIER, NAME, OWN, PICTURES, ROOT, version

APP = DIST / "vitviz.app"
ENTITLEMENTS = ROOT / "packaging" / "macos" / "entitlements.plist"


def info() -> dict[str, Any]:
    """Info.plist: names, version, and what may be opened with vitviz or dropped on its icon."""
    return {
        "CFBundleName": NAME,
        "CFBundleDisplayName": NAME,
        "CFBundleIdentifier": IDENTIFIER,
        "CFBundleShortVersionString": version(),
        "CFBundleVersion": version(),
        "LSMinimumSystemVersion": "12.0",
        "LSApplicationCategoryType": "public.app-category.education",
        "NSHighResolutionCapable": True,
        "NSHumanReadableCopyright": "MIT licence",
        "CFBundleDocumentTypes": [
            _documents("Picture", ["public.image"], list(PICTURES.values()), "Alternate"),
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


def commands(identity: str = "-", profile: str = "") -> list[list[str]]:
    """Signs the application, makes the disk image, and has Apple notarise it when a profile is named.

    `identity` is a "Developer ID Application" certificate in the keychain ("-" signs for this
    computer only), `profile` what `xcrun notarytool store-credentials` stored.
    """
    stage = BUILD / "dmg"
    hardened = ["--options", "runtime", "--timestamp"] if identity != "-" else []
    steps = [
        ["codesign", "--force", "--deep", "--sign", identity, *hardened,
         "--entitlements", str(ENTITLEMENTS), str(APP)],
        ["codesign", "--verify", "--deep", "--strict", str(APP)],
        ["rm", "-rf", str(stage)],
        ["mkdir", "-p", str(stage)],
        ["ditto", str(APP), str(stage / APP.name)],
        ["ln", "-s", "/Applications", str(stage / "Applications")],
        ["hdiutil", "create", "-volname", NAME, "-srcfolder", str(stage), "-ov", "-format", "ULMO",
         str(image())],
    ]  # fmt: skip
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
        print(" ".join(command))
