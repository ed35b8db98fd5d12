"""Pages of words: help on a view, all keys, about."""

from __future__ import annotations

import html
import platform
from collections.abc import Iterable

from PySide6.QtCore import QLibraryInfo
from PySide6.QtWidgets import QWidget

from vitviz.core.language import N_, _
from vitviz.core.version import __version__
from vitviz.gui.app.actions import MENU_TITLES, Action, Menu, plain
from vitviz.gui.widgets.text_page import TextPage
from vitviz.session.app.licences import LicensedPart, texts_file
from vitviz.session.files.settings_folder import settings_folder
from vitviz.session.work.log import log_folder
from vitviz.views import View


def view_help(parent: QWidget, view: View) -> TextPage:
    """What a view shows, its formula, its options and its source."""
    rows = "".join(
        f"<tr><td><b>{html.escape(option.label)}</b>&nbsp;&nbsp;</td>"
        f"<td>{html.escape(option.text)}</td></tr>"
        for option in view.options
    )
    formula = f"<code>{html.escape(view.formula)}</code>"
    body = (
        f"<h2>{html.escape(view.title)}</h2><p>{html.escape(view.shows)}</p>"
        f"<h3>{_('Formula')}</h3><p style='white-space:pre-wrap'>{formula}</p>"
        f"<h3>{_('Options')}</h3><table>{rows}</table>"
        f"<h3>{_('Source')}</h3><p>{html.escape(view.source)}</p>"
    )
    return TextPage(parent, _("Help: {title}").format(title=view.title), body)


KEY_GROUPS: dict[Menu, str] = {
    "": N_("Where you look"),
    "File": N_("Pictures and sessions"),
    "Edit": N_("Undo"),
}
"""What the groups of keys are called that are not called as their menu."""


def key_groups(wishes: Iterable[Action]) -> dict[str, list[tuple[str, str]]]:
    """(words, keys) of everything that has keys, in groups: where one looks, then menu by menu."""
    found: dict[str, list[tuple[str, str]]] = {_(KEY_GROUPS[""]): []}
    for wish in wishes:
        if wish.keys:
            group = found.setdefault(_group_title(wish.menu), [])
            group.append((plain(wish.text), ", ".join(wish.keys)))
    found[_(KEY_GROUPS[""])].append((_("Read values of the pinned token"), _("hold Shift")))
    return found


def _group_title(menu: Menu) -> str:
    return _(KEY_GROUPS[menu]) if menu in KEY_GROUPS else plain(_(MENU_TITLES[menu]))


def _group_table(title: str, keys: list[tuple[str, str]]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(words)}</td><td>&nbsp;&nbsp;<b>{html.escape(pressed)}</b></td></tr>"
        for words, pressed in keys
    )
    return f"<h3>{html.escape(title)}</h3><table>{rows}</table>"


def keys_page(parent: QWidget, wishes: Iterable[Action]) -> TextPage:
    """All keys on one page, group by group, in two columns of about one length."""
    groups = key_groups(wishes)
    half, sides = sum(len(keys) + 2 for keys in groups.values()) / 2, ["", ""]
    length = 0
    for title, keys in groups.items():
        sides[int(length + len(keys) / 2 > half)] += _group_table(title, keys)
        length += len(keys) + 2
    columns = "".join(f"<td style='padding-right:32px'>{side}</td>" for side in sides)
    mouse = "".join(
        f"<p>{paragraph}</p>"
        for paragraph in (
            _(
                "Point at a patch to preview its token in every view, click to pin it. The wheel "
                "zooms (with Ctrl where the board itself scrolls), dragging pans, a double click "
                "gives a view all the room; of a plot that is zoomed it shows all again. Over the "
                "numbers of an axis the wheel zooms along that axis alone, and a click on a point "
                "chooses its layer and head; with Ctrl it takes a head out of What if, several one "
                "after another. The pencil of a card paints patches on any picture."
            ),
            _(
                "In columns side by side (Ctrl+T) all of this means the same spot of the picture in "
                "each; a header is dragged to move its column, and every link between columns can "
                "be cut."
            ),
            _(
                "Ctrl+Z takes back what was changed last: a column, a model, a picture, an option, "
                "a target, the layout. Token, layer and head are where you look; they come back "
                "with their column."
            ),
        )
    )
    body = f"<h2>{_('Keys and mouse')}</h2>{mouse}<table><tr>{columns}</tr></table>"
    page = TextPage(parent, _("Keys and mouse"), body)
    page.resize(820, 720)
    return page


def about_page(parent: QWidget, device: str, parts: Iterable[LicensedPart]) -> TextPage:
    """Version, device, and whose work vitviz stands on, with every licence."""
    rows = "".join(
        f"<tr><td>{html.escape(one.name)}&nbsp;&nbsp;</td><td>{html.escape(one.version)}&nbsp;&nbsp;"
        f"</td><td>{html.escape(one.licence)}</td></tr>"
        for one in parts
    )
    texts = texts_file()
    link = "" if texts is None else f" <a href='{texts.as_uri()}'>{_('All licence texts')}</a>"
    device_words = _("Device: {device}").format(device=html.escape(device))
    settings = _("Settings: {folder}").format(folder=html.escape(str(settings_folder())))
    log = _("Log and crash reports: {folder}").format(folder=html.escape(str(log_folder())))
    never = _("Nothing is ever sent; a newer version is looked for only when you ask.")
    colours = _(
        "Colour tables: viridis, magma, inferno, cividis (CC0), CET by Peter Kovesi (CC BY 4.0), "
        "vik by Fabio Crameri (MIT). The bundled photographs are CC0 or in the public domain; their "
        "sources are listed beside them."
    )
    qt = _("Qt is used under the LGPL; its libraries lie in {folder} and may be replaced.")
    body = (
        f"<h2>vitviz {__version__}</h2><p>{_('See inside vision transformers. MIT licence.')}</p>"
        f"<p>{device_words}<br>Python {platform.python_version()} on "
        f"{html.escape(platform.platform())}</p>"
        f"<p>{settings}<br>{log}<br>{never}</p><p>{colours}</p>"
        f"<p>{qt.format(folder=html.escape(qt_folder()))}{link}</p><table>{rows}</table>"
    )
    return TextPage(parent, _("About vitviz"), body)


def qt_folder() -> str:
    """Where Qt's libraries lie."""
    return QLibraryInfo.path(QLibraryInfo.LibraryPath.LibrariesPath)
