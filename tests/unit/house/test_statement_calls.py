"""Every call of a named statement gives it its parameters: no type checker looks at their names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from ledger.postgres.functions import reads
from ledger.postgres.statements import Statements, statements
from tests.support.house import PACKAGES, modules

LOADERS = {"statements": statements, "reads": reads}


class Use(NamedTuple):
    """A statement that a module names; `given` are the arguments by name, None without a call."""

    place: str
    known: Statements
    name: str
    given: frozenset[str] | None
    is_complete: bool


def uses() -> Iterator[Use]:
    for module in modules(*PACKAGES, "bench"):
        tree = ast.parse("\n".join(module.lines))
        files = dict(_files(tree))
        for node in ast.walk(tree):
            place = f"{module.path}:{getattr(node, 'lineno', 0)}"
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id=file), attr="bind"),
                    args=[ast.Constant(value=str(name))],
                    keywords=keywords,
                ) if file in files:
                    given = {keyword.arg for keyword in keywords}
                    named = frozenset(each for each in given if each)
                    yield Use(place, files[file], name, named, is_complete=None not in given)
                case ast.Subscript(
                    value=ast.Name(id=file), slice=ast.Constant(value=str(name))
                ) if file in files:
                    yield Use(place, files[file], name, None, is_complete=True)


def _files(tree: ast.Module) -> Iterator[tuple[str, Statements]]:
    """Yield the statements that a module loads, by the name of their constant."""
    for node in tree.body:
        match node:
            case ast.AnnAssign(
                target=ast.Name(id=constant),
                value=ast.Call(func=ast.Name(id=load), args=[ast.Constant(value=str(topic))]),
            ) if load in LOADERS:
                yield constant, LOADERS[load](topic)


USES = list(uses())


@pytest.mark.parametrize("use", USES, ids=[f"{use.place} {use.name}" for use in USES])
def test_statement_is_called_with_its_parameters(use: Use) -> None:
    assert use.name in use.known
    wanted = set(use.known.statement(use.name).parameters)
    if use.given is not None:
        assert use.given <= wanted
        assert use.given == wanted or not use.is_complete


def test_calls_of_statements_are_found() -> None:
    assert len(USES) > 200
