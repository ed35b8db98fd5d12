"""What is known of a model, in words: a line for the list, a table for the one that is chosen."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from vitviz.gui.widgets import theme
from vitviz.session.library.library_items import FREE, LibraryItem

_LEARNING = {
    "labels": "from labels",
    "self-supervised": "self-supervised",
    "image and text": "from pictures with words",
    "": "",
}


def facts_line(item: LibraryItem) -> str:
    """The numbers of a model in a line; what is not known is left out."""
    rows, cols = item.size
    facts = (
        f"patch {item.patch}" if item.patch else "",
        (f"{cols} px" if rows == cols else f"{cols} × {rows} px") if rows else "",
        f"{item.tokens:,} tokens" if item.tokens else "",
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
            return f"file, {megabytes(item.download)}"
        case "timm":
            return "on disk" if item.on_disk else f"≈ {megabytes(item.download)}"


def megabytes(size: float) -> str:
    """A size in words, "88 MB"."""
    return f"{size / 10**9:.1f} GB" if size >= 10**9 else f"{size / 10**6:,.0f} MB"


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
    way = _LEARNING[item.learning]
    if words and way:
        return f"{words} ({way})"
    return words or way


def _reads(item: LibraryItem) -> str:
    rows, cols = item.size
    if not rows:
        return ""
    parts = [f"{cols} × {rows} px"]
    if item.patch:
        parts.append(f"patches of {item.patch} px")
    if item.tokens:
        registers = f", {item.registers} of them registers" if item.registers else ""
        parts.append(f"{item.tokens:,} tokens{registers}")
    return ", ".join(parts)


def _network(item: LibraryItem) -> str:
    parts = [item.kind] if item.kind else []
    if item.depth and item.dim:
        parts.append(f"{item.depth} blocks of width {item.dim}")
    if item.parameters:
        parts.append(f"{millions(item.parameters)} parameters")
    return html.escape(", ".join(parts))


def _classes(item: LibraryItem) -> str:
    if item.source == "file":
        return ""
    if item.learning == "image and text" and item.classes:
        return f"none: {item.classes:,} features that texts share"
    return f"{item.classes:,}" if item.classes else "none: features, no predictions"


def _licence(item: LibraryItem) -> str:
    if not item.licence:
        return "not said by timm; see its page" if item.source == "timm" else ""
    free = " (any use)" if item.licence.lower() in FREE else ""
    return html.escape(item.licence) + free


def _weights(item: LibraryItem) -> str:
    match item.source:
        case "bundled":
            return f"come with vitviz, {megabytes(item.download)}"
        case "file":
            return f"{html.escape(item.name)}, {megabytes(item.download)}"
        case "timm":
            page = f"https://huggingface.co/{item.repository}" if item.repository else ""
            link = f' · <a href="{page}">page</a>' if page else ""
            if item.on_disk:
                return f"on this computer, {megabytes(item.download)}{link}"
            return f"a download of about {megabytes(item.download)} (in float32){link}"


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
