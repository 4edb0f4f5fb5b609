"""Keeps the constants of tests that follow the clock, such as NOW, at the present time.

A run takes an hour from the collection of its tests to the last one, and may go past midnight: a
report of today would then have no events of NOW. So these constants are computed again before the
first test of each module, and within a module after midnight. A test that would begin in the last
minutes of a day waits for the next day.
"""

import ast
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple

import pytest

from ledger.postgres.clock import Clock, system_time
from tests.support.house import ROOT

LAST_MINUTES = timedelta(minutes=3)
"""The end of a day in which no test begins; longer tests do not depend on the day."""
CLOCKS = frozenset({"datetime.now", "date.today", "time.time", "time.time_ns"})
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Constant = ast.Assign | ast.AnnAssign


class ClockUse(NamedTuple):
    """The names of a module that follow the clock, and code that computes its constants again."""

    names: frozenset[str]
    modules: tuple[str, ...]
    """The test modules that the code imports from."""
    code: CodeType
    fixed: tuple[str, ...]
    """Parts of the module that follow the clock too, but are evaluated only once."""


@cache
def clock_use(file: Path) -> ClockUse:
    """Return what follows the clock in the file of a test module."""
    body, names = ast.parse(file.read_text(encoding="utf-8")).body, set(CLOCKS)
    while found := set[str]().union(*(_defined(each, names) for each in body)) - names:
        names |= found
    again: list[ast.stmt] = [
        each
        for each in body
        if isinstance(each, ast.ImportFrom | Constant) and _defined(each, names)
    ]
    return ClockUse(
        frozenset(names - CLOCKS),
        tuple(imported for each in again for imported in _test_modules(each)),
        compile(ast.Module(again, []), file, "exec"),
        tuple(f"{file}:{part.lineno}" for part in _fixed(body) if _names(part) & names),
    )


def _defined(statement: ast.stmt, following: set[str]) -> set[str]:
    """Return the names of a statement that follow the clock, if those of `following` do."""
    match statement:
        case ast.ImportFrom():
            modules = map(_file, _test_modules(statement))
            used = set[str]().union(*(clock_use(file).names for file in modules))
            return {each.asname or each.name for each in statement.names if each.name in used}
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            inner = set[str]().union(*map(_names, statement.body))
            return {statement.name} if inner & following else set()
        case ast.Assign(targets=targets, value=value):
            return set[str]().union(*map(_names, targets)) if _names(value) & following else set()
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            return _names(target) if _names(value) & following else set()
    return set()


def _fixed(body: list[ast.stmt]) -> Iterator[ast.expr]:
    """Yield decorators, defaults of parameters and values of class attributes."""
    for part in (part for statement in body for part in ast.walk(statement)):
        if isinstance(part, Function):
            yield from part.decorator_list
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from part.args.defaults
            yield from (each for each in part.args.kw_defaults if each is not None)
        if isinstance(part, ast.ClassDef):
            yield from (
                each.value
                for each in part.body
                if isinstance(each, Constant) and each.value is not None
            )


def _names(part: ast.AST) -> set[str]:
    """Return the names in a part of a module, and those of attributes like `datetime.now`.

    What a lambda names is not evaluated with it.
    """
    match part:
        case ast.Lambda():
            return set()
        case ast.Name(id=name):
            return {name}
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            return {name, f"{name}.{attribute}"}
    return set[str]().union(*map(_names, ast.iter_child_nodes(part)))


def _test_modules(statement: ast.stmt) -> list[str]:
    if not isinstance(statement, ast.ImportFrom) or not statement.module:
        return []
    is_ours = statement.module.startswith("tests.") and _file(statement.module).exists()
    return [statement.module] if is_ours else []


def _file(name: str) -> Path:
    return ROOT / (name.replace(".", "/") + ".py")


def renew_constants(*modules: ModuleType) -> None:
    """Compute the constants of test modules again, after those of the modules they import."""
    renewed = set[str]()
    for module in modules:
        _renew(module, renewed)


def _renew(module: ModuleType, renewed: set[str]) -> None:
    if module.__name__ in renewed:
        return
    renewed.add(module.__name__)
    use = clock_use(Path(module.__file__ or ""))
    for name in use.modules:
        _renew(sys.modules[name], renewed)
    exec(use.code, vars(module))


def _conftests(item: pytest.Item) -> Iterator[ModuleType]:
    """Yield the modules whose fixtures a test may use beside those of its own module."""
    for folder in item.path.parents:
        if folder.is_relative_to(ROOT):
            name = ".".join((*folder.relative_to(ROOT).parts, "conftest"))
            if name in sys.modules:
                yield sys.modules[name]


class PresentTime:
    """Brings the constants of each test to the present time before it begins."""

    def __init__(
        self,
        now: Clock = system_time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._renewed: tuple[ModuleType, date] | None = None

    def begin(self, item: pytest.Item) -> None:
        """Wait for a day with enough time, and renew what the test sees."""
        while (left := self._until_midnight()) <= LAST_MINUTES:
            self._sleep(left.total_seconds())
        module, today = item.getparent(pytest.Module), self._now().date()
        if module is None or self._renewed == (module.obj, today):
            return
        if self._renewed and self._renewed[0] is module.obj:
            # Fixtures of the module have used the constants of yesterday: set them up again.
            item.session._setupstate.teardown_exact(None)
        renew_constants(module.obj, *_conftests(item))
        self._renewed = module.obj, today

    def _until_midnight(self) -> timedelta:
        now = self._now()
        midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
        return midnight - now
