"""What hatch does more when it builds a wheel: the catalogues of translations are compiled into it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LanguageHook(BuildHookInterface):  # type: ignore[misc, type-arg, unused-ignore]
    """A wheel has compiled catalogues; an editable install compiles parts when they are spoken."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Has the compiled catalogues lie beside the parts that they are made of."""
        if version == "editable":
            return
        root = Path(self.root)
        spec = importlib.util.spec_from_file_location("languages", root / "packaging/languages.py")
        assert spec is not None
        assert spec.loader is not None
        languages = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(languages)
        for path in languages.compile_all(root / "build" / "languages"):
            inside = path.relative_to(root / "build").as_posix()
            build_data["force_include"][str(path)] = f"vitviz/resources/{inside}"
