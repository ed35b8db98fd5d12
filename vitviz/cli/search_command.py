"""The library on the command line: models found by words, with what each takes and where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from vitviz.cli.command_arguments import print_json
from vitviz.session.files.settings import read_settings
from vitviz.session.library.library_items import LibraryFilters, LibraryItem
from vitviz.session.library.model_library import ModelLibrary
from vitviz.session.work.jobs import InlineJobs

MOST = 40
"""Models to list; more say that the words should be narrower."""


def search(words: Sequence[str], *, as_json: bool) -> int:
    """Lists the models that fit all words; 1 where none does."""
    settings, _ = read_settings()
    library = ModelLibrary(InlineJobs(), lambda: settings, _forget)
    library.open()
    found = library.search(LibraryFilters(text=" ".join(words)))
    if as_json:
        print_json([_data(item) for item in found])
        return 0 if found else 1
    width = max((len(item.name) for item in found[:MOST]), default=0)
    for item in found[:MOST]:
        print(f"{item.name:<{width}}  {_facts(item)}")
    if len(found) > MOST:
        print(f"... and {len(found) - MOST} more; narrower words list them")
    if not found:
        print(f"no model fits {' '.join(words)!r}; fewer words find more")
    return 0 if found else 1


def _forget(**_changes: Any) -> None:
    """Searching changes no settings."""


def _data(item: LibraryItem) -> dict[str, Any]:
    return {key: value for key, value in asdict(item).items() if key != "words"}


def _facts(item: LibraryItem) -> str:
    megabytes = f"{item.download / 10**6:,.0f} MB"
    parts = (
        f"patch {item.patch}" if item.patch else "",
        f"{item.size[1]} px" if item.size[1] else "",
        f"{item.tokens} tokens" if item.tokens else "",
        item.trained_on,
        item.licence,
        f"here, {megabytes}" if item.on_disk else f"download of about {megabytes}",
    )
    return " · ".join(filter(None, parts))
