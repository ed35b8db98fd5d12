"""What a model is called that lies in memory alone: a name that no file and no library has."""

from __future__ import annotations

_MEMORY = "memory://"


def memory_name(title: str) -> str:
    """The name of a model in memory of that title; slashes of a title are none of a path."""
    plain = title.replace("/", "-").replace("\\", "-").strip()
    return f"{_MEMORY}{plain or 'model'}"


def is_in_memory(name: object) -> bool:
    """Whether a name is that of a model in memory."""
    return isinstance(name, str) and name.startswith(_MEMORY)


def memory_title(name: str) -> str:
    """What to call it: the name without what marks it; any other name as it is."""
    return name.removeprefix(_MEMORY)


def gone_from_memory(name: str) -> str:
    """Why a model in memory is not opened by its name, and what to do: a sentence."""
    return (
        f"{memory_title(name)} was a model in the memory of a script or notebook and cannot be opened "
        "again by name; make it there once more and call vitviz.show(model)"
    )
