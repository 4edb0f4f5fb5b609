"""Rules for the tests: they use public names only, and each of them asserts something."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support.house import PACKAGES, ROOT, SourceFile, modules
from tests.support.present import clock_use

TESTS = modules("tests")
TUPLE_METHODS = {"_asdict", "_fields", "_replace"}
"""The public methods of named tuples."""
PRIVATE = re.compile(r"_[a-zA-Z]\w*")
PRIVATE_PATH = re.compile(rf"({'|'.join(PACKAGES)})(\.\w+)*\._[a-zA-Z]\w*(\.\w+)*")
PATCHES = {"object", "setattr", "delattr", "getattr"}
"""Functions that take the name of an attribute as a string."""
USERS_OF_PRIVATE_NAMES = {
    # aiohttp has no public way to cut a connection, nor aiokafka to write a malformed batch.
    "tests/faults/test_cut_sockets.py",
    "tests/support/header_names.py",
    # Planted faults replace steps of the write path, to show that the simulator finds them.
    "tests/faults/test_simulated_faults.py",
    # Pipecat's services convert their vendors' usage in private methods, and need a connection otherwise.
    "tests/support/pipecat_services.py",
    # pytest has no public way to set up the fixtures of a module again.
    "tests/support/present.py",
}
RECORDERS = {"record_attack", "record_fault"}
"""Fixtures that fail the test if a figure is not the expected one."""
ASSERTING = re.compile(r"(assert|expect)(_\w+)?|raises|warns|fail")


def private_names(module: SourceFile) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each use of a private name that the module does not own."""
    for node in module.nodes:
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                continue
            case ast.Attribute(attr=name) if name not in TUPLE_METHODS:
                names = [name]
            case ast.ImportFrom(names=aliases):
                names = [alias.name for alias in aliases]
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in PATCHES:
                names = [value for part in node.args if (value := text_of(part))]
            case ast.Constant(value=str(value)) if PRIVATE_PATH.fullmatch(value):
                names = ["_" + value.partition("._")[2]]
            case _:
                continue
        yield from ((node.lineno, name) for name in names if PRIVATE.match(name))


def text_of(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def asserts(function: ast.AST) -> bool:
    """Return whether a test asserts, or calls a helper whose name says that it does."""
    for node in ast.walk(function):
        match node:
            case ast.Assert():
                return True
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
                if ASSERTING.fullmatch(name) or name in RECORDERS:
                    return True
    return False


def each_module(of: list[SourceFile]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("module", of, ids=[module.path for module in of])


@each_module([module for module in TESTS if module.path not in USERS_OF_PRIVATE_NAMES])
def test_tests_use_no_private_name_of_another_module(module: SourceFile) -> None:
    assert not list(private_names(module)), module.path


@each_module([module for module in TESTS if module.path in USERS_OF_PRIVATE_NAMES])
def test_each_listed_user_of_private_names_is_one(module: SourceFile) -> None:
    assert list(private_names(module)), f"{module.path} needs no exception"


@each_module([module for module in TESTS if "/test_" in module.path])
def test_each_test_asserts_something(module: SourceFile) -> None:
    silent = [
        node.name
        for node in module.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not asserts(node)
    ]
    assert not silent, f"{module.path}: {silent}"


@each_module(TESTS)
def test_what_follows_the_clock_is_not_evaluated_only_once(module: SourceFile) -> None:
    """Constants are computed again (`tests.support.present`); decorators and defaults are not."""
    assert clock_use(ROOT / module.path).fixed == ()
