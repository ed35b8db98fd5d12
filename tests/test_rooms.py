"""The plan of rooms holds: no circles, no crowded room, one meaning a name, nobody asks the root."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "vitviz"
_MOST_FILES, _MOST_LINES = 20, 480


@cache
def trees() -> dict[str, ast.Module]:
    """Every module of vitviz by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


@cache
def arrows() -> dict[str, frozenset[str]]:
    """What every module imports of vitviz, anywhere in it, also for types alone."""
    modules = trees()
    found = {}
    for name, tree in modules.items():
        imported = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vitviz"):
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    imported.add(inner if inner in modules else str(node.module))
            elif isinstance(node, ast.Import):
                imported |= {a.name for a in node.names if a.name.startswith("vitviz")}
        found[name] = frozenset(imported - {name})
    return found


def at_import_time_or_for_types() -> dict[str, frozenset[str]]:
    """The same without what is imported inside functions: what a reader meets at the top."""
    modules = trees()
    found = {}
    for name, tree in modules.items():
        inside = {
            id(node)
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            for node in ast.walk(function)
        }
        imported = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and id(node) not in inside:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    imported.add(inner if inner in modules else str(node.module))
        found[name] = frozenset(one for one in imported - {name} if one in modules)
    return found


def circles(graph: dict[str, frozenset[str]]) -> list[list[str]]:
    """Strongly connected parts of more than one module (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, frozenset()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            part = []
            while not part or part[-1] != node:
                part.append(stack.pop())
            if len(part) > 1:
                found.append(sorted(part))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_no_import_goes_in_a_circle_also_for_types() -> None:
    assert circles(at_import_time_or_for_types()) == []


def test_no_room_imports_one_that_imports_it_back() -> None:
    rooms = defaultdict(set)
    for name, imported in arrows().items():
        for other in imported:
            one, two = _room(name), _room(other)
            nested = one.startswith(f"{two}.") or two.startswith(f"{one}.")
            if one != two and not nested:
                rooms[one].add(two)
    both = {tuple(sorted((a, b))) for a, to in rooms.items() for b in to if a in rooms.get(b, ())}
    assert both == set()


def _room(module: str) -> str:
    path = ROOT.joinpath(*module.split("."))
    return module if path.is_dir() else module.rpartition(".")[0]


def test_nobody_asks_the_root_package() -> None:
    asking = {name for name, imported in arrows().items() if "vitviz" in imported}
    assert asking - {"vitviz"} == set()


def test_a_public_type_name_stands_in_one_module() -> None:
    where = defaultdict(set)
    for module, tree in trees().items():
        for node in tree.body:
            name = _type_name(node)
            if name and not name.startswith("_"):
                where[name].add(module)
    assert {name: found for name, found in where.items() if len(found) > 1} == {}


def _type_name(node: ast.stmt) -> str:
    """The class or alias that a statement defines; aliases are written like classes."""
    if isinstance(node, ast.ClassDef):
        return node.name
    target = None
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
    elif isinstance(node, ast.AnnAssign):
        target = node.target
    name = target.id if isinstance(target, ast.Name) else ""
    return name if name[:1].isupper() and not name.isupper() else ""


def test_no_room_is_crowded_and_no_file_long() -> None:
    files = Counter(path.parent for path in PACKAGE.rglob("*.py"))
    assert {str(room): n for room, n in files.items() if n > _MOST_FILES + 1} == {}
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
    }
    assert {name: n for name, n in lines.items() if n > _MOST_LINES} == {}


def test_tests_lie_where_their_rooms_lie() -> None:
    rooms = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.is_dir()}
    tests = ROOT / "tests"
    beside = {"benchmarks", "packaging", "resources", "trials", "__pycache__"}
    found = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    strays = {room for room in found if room.parts and room.parts[0] not in beside} - rooms
    assert strays == set()


def test_every_file_begins_with_what_it_is_for() -> None:
    assert [name for name, tree in trees().items() if not ast.get_docstring(tree)] == []
