"""Catalogues of translations: `python packaging/languages.py` takes new texts up from the code.

    python packaging/languages.py             extract, then update every language's parts
    python packaging/languages.py --check     change nothing; fail where a text is not translated
    python packaging/languages.py --compile FOLDER    write each language's compiled catalogue there

A room of vitviz has a part (`views_learn.po`) of its own, with every text that it says: so several
people translate at once. One English text has one translation; a part that is new to a text takes the
translation that another part has. Needs Babel, which `pip install -e '.[test]'` brings.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from string import Formatter
from types import ModuleType
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = ROOT / "resources" / "languages"
PACKAGE = ROOT / "vitviz"
ONE, MEANT, COUNTED = ("_", "N_"), "pgettext", "ngettext"
SPLIT = ("gui", "views")
"""Rooms so large that each of their own rooms has a part."""


class EnglishText(NamedTuple):
    """A text as it stands in the code, with its plural and its meaning where it has them."""

    text: str
    plural: str = ""
    meaning: str = ""


class WrappedWrong(Exception):
    """A call of `_` that no catalogue could hold, with its place."""


def part_of(module: str) -> str:
    """The part that a module's texts go to: `vitviz.views.learn.patches` to "views_learn"."""
    rooms = module.split(".")[1:]
    if rooms[:1] and rooms[0] in SPLIT and len(rooms) > 2:
        return f"{rooms[0]}_{rooms[1]}"
    return rooms[0] if len(rooms) > 1 else "root"


def texts_of(source: str, name: str) -> list[EnglishText]:
    """What a module wraps in `_`, `N_`, `pgettext` and `ngettext`; WrappedWrong for what is no text."""
    tree = ast.parse(source)
    found = [
        _wrapped(node, name)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in (*ONE, MEANT, COUNTED)
    ]
    if any(found):
        _unshadowed(tree, name)
    return [text for text in found if text is not None]


def _wrapped(call: ast.Call, name: str) -> EnglishText | None:
    assert isinstance(call.func, ast.Name)
    said, first = call.func.id, call.args[0] if call.args else None
    # What is no literal was marked with N_ where it stands; an f-string never was.
    if said == "_" and not isinstance(first, ast.Constant | ast.JoinedStr | ast.BinOp):
        return None
    wanted = 1 if said in ONE else 2
    words = [arg.value for arg in call.args[:wanted] if isinstance(arg, ast.Constant)]
    if len(words) < wanted or not all(isinstance(word, str) and word.strip() for word in words):
        raise WrappedWrong(
            f"{name}:{call.lineno}: {said}(...) takes plain text: no f-string, no sum, nothing empty; "
            'write _("... {name} ...").format(name=...)'
        )
    text = [str(word) for word in words]
    match said:
        case "pgettext":
            return EnglishText(text[1], meaning=text[0])
        case "ngettext":
            return EnglishText(text[0], plural=text[1])
        case _:
            return EnglishText(text[0])


def _unshadowed(tree: ast.Module, name: str) -> None:
    """WrappedWrong where a function says `_(...)` and also throws something away as `_`."""
    for scope in [tree, *_functions(tree)]:
        own = list(_own_nodes(scope))
        calls = [n for n in own if isinstance(n, ast.Call) and ast.unparse(n.func) == "_"]
        bound = [
            n
            for n in own
            if isinstance(n, ast.Name) and n.id == "_" and isinstance(n.ctx, ast.Store)
        ]
        taken = not isinstance(scope, ast.Module) and any(a.arg == "_" for a in _arguments(scope))
        if calls and (bound or taken):
            raise WrappedWrong(
                f"{name}:{calls[0].lineno}: `_` is a thrown-away value in this function; call that "
                "`_rest`, so that `_(...)` translates"
            )


_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def _functions(tree: ast.AST) -> Iterator[_Function]:
    for node in ast.walk(tree):
        if isinstance(node, _Function):
            yield node


def _arguments(scope: ast.AST) -> list[ast.arg]:
    assert isinstance(scope, _Function)
    given = scope.args
    return [*given.posonlyargs, *given.args, *given.kwonlyargs]


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """What a function says itself: what it has inside comprehensions and other functions is theirs."""
    inner = (*_Function.__args__, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, inner):
            waiting += ast.iter_child_nodes(node)


@cache
def extracted() -> dict[str, set[EnglishText]]:
    """Every text of vitviz for people, by part: what is wrapped, and the help that registers itself."""
    found: dict[str, set[EnglishText]] = defaultdict(set)
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "vitviz.core.language import" in source:
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[part_of(module)].update(texts_of(source, str(path.relative_to(ROOT))))
    for part, text in _registered():
        if text.strip():
            found[part].add(EnglishText(text))
    return {part: texts for part, texts in sorted(found.items()) if texts}


def _registered() -> Iterator[tuple[str, str]]:
    """Help of views, options and actions: it is written where they are, and translated when shown."""
    from vitviz.gui.app.actions import actions
    from vitviz.views import views

    for view in views().values():
        if not view.function.__module__.startswith("vitviz."):
            continue
        part = part_of(view.function.__module__)
        for text in (
            view.english_title,
            view.english_shows,
            view.english_formula,
            view.english_source,
        ):
            yield part, text
        for option in view.options:
            kept = part if not option.group else "views"
            yield kept, option.english_text
            yield kept, option.name.replace("_", " ")
            for choice in option.choices:
                yield kept, choice
    for action in actions().values():
        yield "gui_app", action.english_text
        yield "gui_app", action.english_tip


def parts_there(folder: Path) -> dict[str, Path]:
    """The parts of a language by name."""
    return {path.stem: path for path in sorted((folder / "LC_MESSAGES").glob("*.po"))}


def languages() -> dict[str, Path]:
    """The folder of each language by name."""
    return {path.name: path for path in sorted(LANGUAGES.iterdir()) if path.is_dir()}


def faults(folder: Path) -> list[str]:
    """What is wrong with a language: texts without translation, doubts, placeholders, two for one."""
    said: dict[EnglishText, dict[str, tuple[str, ...]]] = defaultdict(dict)
    found = []
    for part, path in parts_there(folder).items():
        for message in catalogue_files().read_part(path.read_text(encoding="utf-8")):
            if not message.text:
                continue
            text = EnglishText(message.text, message.plural or "", message.meaning or "")
            if message.fuzzy:
                found.append(f"{part}: in doubt (fuzzy): {message.text!r}")
            if message.translated:
                said[text][part] = tuple(message.said[index] for index in sorted(message.said))
    for part, texts in extracted().items():
        missing = sorted(text for text in texts if part not in said[text])
        found += [f"{part}: not translated: {text.text!r}" for text in missing]
    for text, by_part in sorted(said.items()):
        found += _wrong_forms(text, by_part)
    return found


def _wrong_forms(text: EnglishText, by_part: dict[str, tuple[str, ...]]) -> list[str]:
    where = ", ".join(by_part)
    if len(set(by_part.values())) > 1:
        return [f"{where}: two translations of {text.text!r}: {sorted(set(by_part.values()))}"]
    wanted = _places(text.text) | _places(text.plural)
    return [
        f"{where}: {form!r} has not the placeholders of {text.text!r}"
        for form in next(iter(by_part.values()), ())
        if _places(form) != wanted
    ]


def _places(text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:  # a brace of its own
        return set()


def update(folder: Path) -> None:
    """Takes a language's parts up to what the code says now; what is not said any more goes."""
    from babel.core import Locale
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import read_po, write_po

    locale = Locale.parse(folder.name)
    known: dict[EnglishText, str | tuple[str, ...]] = {}
    for path in parts_there(folder).values():
        for message in read_po(BytesIO(path.read_bytes()), locale=locale):
            if message.id and message.string and any(message.string) and not message.fuzzy:
                one, many = ids if isinstance(ids := message.id, tuple | list) else (str(ids), "")
                said = message.string
                known[EnglishText(one, many, message.context or "")] = (
                    said if isinstance(said, str) else tuple(said)
                )
    for part, texts in extracted().items():
        made = Catalog(locale=locale)
        for text in sorted(texts):
            named = (text.text, text.plural) if text.plural else text.text
            made.add(named, known.get(text, ""), context=text.meaning or None)
        written = BytesIO()
        write_po(written, made, width=100, no_location=True, omit_header=True, sort_output=True)
        body = _without_flags(written.getvalue().decode())
        target = folder / "LC_MESSAGES" / f"{part}.po"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(
            f"{_header(folder.name, made.plural_forms)}\n{body.strip()}\n",
            encoding="utf-8",
            newline="\n",
        )
    for part, path in parts_there(folder).items():
        if part not in extracted():
            path.unlink()


def _header(language: str, forms: str) -> str:
    """A part's header: no dates and no names, which would differ whenever anybody runs this."""
    lines = (
        f"Language: {language}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        f"Plural-Forms: {forms}",
    )
    return "\n".join(('msgid ""', 'msgstr ""', *(f'"{line}\\n"' for line in lines), ""))


def _without_flags(written: str) -> str:
    """Without `#, python-format`: Babel guesses it from any per cent sign."""
    return "\n".join(line for line in written.splitlines() if not line.startswith("#, python"))


def compile_all(target: Path) -> list[Path]:
    """Each language's compiled catalogue, in `target/zh_CN/LC_MESSAGES`."""
    made = []
    for name, folder in languages().items():
        path = target / name / "LC_MESSAGES" / catalogue_files().COMPILED
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(catalogue_files().compiled(parts_there(folder).values()))
        made.append(path)
    return made


@cache
def catalogue_files() -> ModuleType:
    """vitviz's own reader of parts, without vitviz: where a wheel is built there is no numpy."""
    path = PACKAGE / "core" / "language" / "catalogue_files.py"
    spec = importlib.util.spec_from_file_location("catalogue_files", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """0 when every text is translated, 1 with a list of what is not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--compile", type=Path, metavar="FOLDER", help="write compiled catalogues")
    parser.add_argument("--part", default="", help="say only what is wrong with this part")
    asked = parser.parse_args()
    if asked.compile:
        print(*compile_all(asked.compile), sep="\n")
        return 0
    sys.path.insert(0, str(ROOT))
    wrong = []
    for folder in languages().values():
        if not asked.check:
            update(folder)
        wrong += [f"{folder.name}: {each}" for each in faults(folder) if asked.part in each]
    print(*wrong, f"{len(wrong)} faults" if wrong else "every text is translated", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
