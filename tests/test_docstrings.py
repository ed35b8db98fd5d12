"""What a public function raises is said in its docstring, in all rooms that scripts and plugins use."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from test_rooms import trees

ROOMS = ("core", "figures", "models", "views")


def public_functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for module, tree in trees().items():
        if module.split(".")[1:2] not in [[room] for room in ROOMS]:
            continue
        for node in tree.body:
            inside = node.body if isinstance(node, ast.ClassDef) and node.name[0] != "_" else [node]
            for function in inside:
                if isinstance(function, ast.FunctionDef) and function.name[0] != "_":
                    yield f"{module}.{function.name}", function


def raised(nodes: list[ast.stmt] | list[ast.AST], caught: frozenset[str] = frozenset()) -> set[str]:
    """Kinds of errors that are made and raised, not in functions inside, and not caught at once."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            kind = node.exc.func
            if isinstance(kind, ast.Name) and kind.id[0].isupper() and kind.id not in caught:
                found.add(kind.id)
        if isinstance(node, ast.Try):
            handled = {
                each.id
                for handler in node.handlers
                if handler.type is not None
                for each in ast.walk(handler.type)
                if isinstance(each, ast.Name)
            }
            found |= raised(node.body, caught | handled)
            found |= raised([*node.handlers, *node.orelse, *node.finalbody], caught)
        else:
            found |= raised(list(ast.iter_child_nodes(node)), caught)
    return found


def test_what_is_raised_is_said() -> None:
    unsaid = {
        (name, kind)
        for name, function in public_functions()
        for kind in raised(function.body)
        if kind not in (ast.get_docstring(function) or "")
    }
    assert unsaid == set()


def test_there_are_functions_that_raise() -> None:
    assert sum(bool(raised(function.body)) for _, function in public_functions()) > 100
