"""Whether Qt can open a window on this Linux; otherwise one sentence instead of Qt's abort."""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from vitviz.core.language import _

# What the wheels of PySide6 do not bring along (`readelf -d` on QtGui, QtDBus and the plugins of
# 6.8 to 6.11): library, package of Debian and Ubuntu, package of Fedora.
_GUI = (
    ("libEGL.so.1", "libegl1", "libglvnd-egl"),
    ("libGL.so.1", "libgl1", "libglvnd-glx"),
    ("libfontconfig.so.1", "libfontconfig1", "fontconfig"),
    ("libfreetype.so.6", "libfreetype6", "freetype"),
    ("libglib-2.0.so.0", "libglib2.0-0", "glib2"),
    ("libdbus-1.so.3", "libdbus-1-3", "dbus-libs"),
    ("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon"),
    ("libX11.so.6", "libx11-6", "libX11"),
    ("libzstd.so.1", "libzstd1", "libzstd"),
)
_XCB = (
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11"),
    ("libX11-xcb.so.1", "libx11-xcb1", "libX11-xcb"),
    ("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor"),
    ("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm"),
    ("libxcb-image.so.0", "libxcb-image0", "xcb-util-image"),
    ("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms"),
    ("libxcb-render-util.so.0", "libxcb-render-util0", "xcb-util-renderutil"),
    ("libxcb-util.so.1", "libxcb-util1", "xcb-util"),
    ("libxcb-randr.so.0", "libxcb-randr0", "libxcb"),
    ("libxcb-render.so.0", "libxcb-render0", "libxcb"),
    ("libxcb-shape.so.0", "libxcb-shape0", "libxcb"),
    ("libxcb-shm.so.0", "libxcb-shm0", "libxcb"),
    ("libxcb-sync.so.1", "libxcb-sync1", "libxcb"),
    ("libxcb-xfixes.so.0", "libxcb-xfixes0", "libxcb"),
    ("libxcb-xkb.so.1", "libxcb-xkb1", "libxcb"),
    ("libxcb.so.1", "libxcb1", "libxcb"),
)
_WAYLAND = (
    ("libwayland-client.so.0", "libwayland-client0", "libwayland-client"),
    ("libwayland-cursor.so.0", "libwayland-cursor0", "libwayland-cursor"),
)
_NEEDS = {"xcb": _GUI + _XCB, "wayland": _GUI + _WAYLAND}


def explain() -> str:
    """Why no window can be opened here and what to do; "" where one can."""
    if not sys.platform.startswith("linux"):
        return ""
    if not has_display():
        return _(
            "vitviz cannot open a window, because there is no display (neither DISPLAY nor "
            "WAYLAND_DISPLAY is set); start it on a desktop, or let it paint without one: "
            "vitviz --screenshot out.png"
        )
    problem = _first_problem()
    if problem:
        return _sentence(problem)
    if not any(_answers(platform) for platform in _wished()):
        shown = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or "none"
        return _(
            "vitviz cannot open a window, because the display {shown} does not "
            "answer; start it inside the desktop's own session, or let it paint "
            "without one: vitviz --screenshot out.png"
        ).format(shown=shown)
    return ""


def has_display() -> bool:
    """Whether a display, or a platform of Qt's without one, was named; others than Linux have one."""
    return not sys.platform.startswith("linux") or bool(_wished())


def missing_libraries() -> tuple[str, ...]:
    """The system libraries that Qt needs for a window here and that are not installed."""
    platform = next(iter(_wished()), "xcb")
    needed = _NEEDS.get(platform, _GUI)
    return tuple(library for library, _, _ in needed if not _loads(library))


def libraries() -> tuple[tuple[str, str, str], ...]:
    """Every system library that Qt may need for a window: its package of Debian, and of Fedora."""
    return _GUI + _XCB + _WAYLAND


def _wished() -> tuple[str, ...]:
    """Qt's platforms in the order in which it would try them; () where there is no display."""
    named = os.environ.get("QT_QPA_PLATFORM", "")
    if named:
        return tuple(part.partition(":")[0].removesuffix("-egl") for part in named.split(";"))
    wayland = ("wayland",) if os.environ.get("WAYLAND_DISPLAY") else ()
    return (*wayland, "xcb") if os.environ.get("DISPLAY") else wayland


def _first_problem() -> str:
    """What the loader says of Qt's plugin for this platform; "" when one of those wished for loads."""
    spec = find_spec("PySide6")
    if spec is None or spec.origin is None:
        return ""  # importing it will say so
    problem = ""
    for platform in _wished():
        plugin = Path(spec.origin).parent / "Qt" / "plugins" / "platforms" / f"libq{platform}.so"
        if not plugin.is_file():
            return ""  # an unusual platform or a distribution's own Qt: Qt knows better
        try:
            ctypes.CDLL(str(plugin))
        except OSError as error:
            problem = str(error)
        else:
            return ""
    return problem


def _answers(platform: str) -> bool:
    """Whether a display server is there: Qt would abort where it is not."""
    match platform:
        case "xcb" if _loads("libxcb.so.1"):
            xcb = ctypes.CDLL("libxcb.so.1")
            xcb.xcb_connect.restype = ctypes.c_void_p
            connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
            failed = xcb.xcb_connection_has_error(connection)
            xcb.xcb_disconnect(connection)
            return not failed
        case "wayland" if _loads("libwayland-client.so.0"):
            wayland = ctypes.CDLL("libwayland-client.so.0")
            wayland.wl_display_connect.restype = ctypes.c_void_p
            display = wayland.wl_display_connect(None)
            if display:
                wayland.wl_display_disconnect(ctypes.c_void_p(display))
            return bool(display)
        case _:
            return platform not in _NEEDS


def _sentence(problem: str) -> str:
    missing = missing_libraries()
    if not missing:
        return _("vitviz cannot open a window, because Qt does not load here ({problem})").format(
            problem=problem
        )
    rows = [row for row in _GUI + _XCB + _WAYLAND if row[0] in missing]
    debian = " ".join(dict.fromkeys(row[1] for row in rows))
    fedora = " ".join(dict.fromkeys(row[2] for row in rows))
    return _(
        "vitviz cannot open a window, because Qt needs {missing}; install with 'sudo "
        "apt install {debian}' (Debian, Ubuntu) or 'sudo dnf install {fedora}' "
        "(Fedora)"
    ).format(missing=", ".join(missing), debian=debian, fedora=fedora)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
