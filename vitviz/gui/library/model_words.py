"""What is known of a model, in words: a line for the list, a table for the one that is chosen."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from vitviz.core.language import N_, _
from vitviz.gui.widgets import theme
from vitviz.session.library.library_items import FREE, LibraryItem

_LEARNING = {
    "labels": N_("from labels"),
    "self-supervised": "self-supervised",
    "image and text": N_("from pictures with words"),
    "": "",
}


def facts_line(item: LibraryItem) -> str:
    """The numbers of a model in a line; what is not known is left out."""
    rows, cols = item.size
    facts = (
        _("patch {patch}").format(patch=item.patch) if item.patch else "",
        (
            _("{cols} px").format(cols=cols)
            if rows == cols
            else _("{cols} × {rows} px").format(cols=cols, rows=rows)
        )
        if rows
        else "",
        _("{tokens:,} tokens").format(tokens=item.tokens) if item.tokens else "",
        millions(item.parameters) if item.parameters else "",
    )
    return " · ".join(filter(None, facts))


def millions(count: int) -> str:
    """A number of parameters, "86.6 M", that no line break parts."""
    if count >= 10**9:
        said = f"{count / 10**9:.2f} G"
    else:
        said = f"{count / 10**6:.1f} M" if count >= 10**6 else f"{count / 10**3:.0f} k"
    return said.replace(" ", "\N{NO-BREAK SPACE}")


def have(item: LibraryItem) -> str:
    """Whether a model is here, or what it costs to get it."""
    match item.source:
        case "bundled":
            return "bundled"
        case "file":
            return _("file, {megabytes}").format(megabytes=megabytes(item.download))
        case "timm":
            return _("on disk") if item.on_disk else f"≈ {megabytes(item.download)}"


def megabytes(size: float) -> str:
    """A size in words, "88 MB"."""
    return (
        _("{size:.1f} GB").format(size=size / 10**9)
        if size >= 10**9
        else _("{size:,.0f} MB").format(size=size / 10**6)
    )


def facts_of(item: LibraryItem) -> list[tuple[str, str]]:
    """What is known of a model, in words; (what, words as HTML)."""
    found = [
        ("Trained", _trained(item)),
        ("Reads", _reads(item)),
        ("Network", _network(item)),
        ("Classes", _classes(item)),
        ("Licence", _licence(item)),
        ("Weights", _weights(item)),
    ]
    return [(what, words) for what, words in found if words]


def _trained(item: LibraryItem) -> str:
    words = html.escape(item.trained_on)
    way = _(_LEARNING[item.learning])
    if words and way:
        return f"{words} ({way})"
    return words or way


def _reads(item: LibraryItem) -> str:
    rows, cols = item.size
    if not rows:
        return ""
    parts = [_("{cols} × {rows} px").format(cols=cols, rows=rows)]
    if item.patch:
        parts.append(_("patches of {patch} px").format(patch=item.patch))
    if item.tokens:
        registers = (
            _(", {registers} of them registers").format(registers=item.registers)
            if item.registers
            else ""
        )
        parts.append(
            _("{tokens:,} tokens{registers}").format(tokens=item.tokens, registers=registers)
        )
    return ", ".join(parts)


def _network(item: LibraryItem) -> str:
    parts = [item.kind] if item.kind else []
    if item.depth and item.dim:
        parts.append(_("{depth} blocks of width {dim}").format(depth=item.depth, dim=item.dim))
    if item.parameters:
        parts.append(_("{millions} parameters").format(millions=millions(item.parameters)))
    return html.escape(", ".join(parts))


def _classes(item: LibraryItem) -> str:
    if item.source == "file":
        return ""
    if item.learning == "image and text" and item.classes:
        return _("none: {classes:,} features that texts share").format(classes=item.classes)
    return f"{item.classes:,}" if item.classes else _("none: features, no predictions")


def _licence(item: LibraryItem) -> str:
    if not item.licence:
        return _("not said by timm; see its page") if item.source == "timm" else ""
    free = _(" (any use)") if item.licence.lower() in FREE else ""
    return html.escape(item.licence) + free


def _weights(item: LibraryItem) -> str:
    match item.source:
        case "bundled":
            return _("come with vitviz, {megabytes}").format(megabytes=megabytes(item.download))
        case "file":
            return f"{html.escape(item.name)}, {megabytes(item.download)}"
        case "timm":
            page = f"https://huggingface.co/{item.repository}" if item.repository else ""
            link = _(' · <a href="{page}">page</a>').format(page=page) if page else ""
            if item.on_disk:
                return _("on this computer, {megabytes}{link}").format(
                    megabytes=megabytes(item.download), link=link
                )
            return _("a download of about {megabytes} (in float32){link}").format(
                megabytes=megabytes(item.download), link=link
            )


def linked(words: str) -> str:
    """Words with the addresses in them to click on: a gated model's page."""
    return re.sub(r"(https?://[^\s;,)]+)", r'<a href="\1">\1</a>', html.escape(words))


def table(facts: Sequence[tuple[str, str]]) -> str:
    quiet = theme.current().quiet
    rows = "".join(
        f'<tr><td style="color:{quiet};padding-right:10px">{what}</td><td>{words}</td></tr>'
        for what, words in facts
    )
    return f"<table cellspacing='0' cellpadding='1'>{rows}</table>"
