"""Reads the project's own sources, for rules that no formatter or type checker knows."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[2]
CLIENTS = ("clients/python/cost_analytics_emitter",)
PACKAGES = ("api", "cost_analytics", "devkit", "ledger", "messaging", "schemas", "streams")
_NOT_OURS = {"node_modules", "dist", "build", "static", "__pycache__"}
_HIDDEN_BUT_OURS = {".ci", ".github"}
Node = TypeVar("Node", bound=ast.AST)
_BROAD = {"Exception", "BaseException"}


@dataclass(frozen=True)
class SourceFile:
    """One Python file: `path` is relative to the project."""

    path: str

    @cached_property
    def lines(self) -> list[str]:
        return (ROOT / self.path).read_text(encoding="utf-8").splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse("\n".join(self.lines))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    def docstring(self) -> str:
        """Return the docstring of the module."""
        return ast.get_docstring(self.tree) or ""

    def imports(self) -> set[str]:
        """Return the top names of all imported packages."""
        names = [name.name for node in self._all(ast.Import) for name in node.names]
        names += [node.module or "" for node in self._all(ast.ImportFrom)]
        return {name.split(".")[0] for name in names}

    def texts(self) -> Iterator[tuple[int, str]]:
        """Yield every string in the module with its line."""
        for node in self._all(ast.Constant):
            if isinstance(node.value, str):
                yield node.lineno, node.value

    def names(self) -> Iterator[tuple[int, str]]:
        """Yield every bare name and every attribute's name with its line."""
        for name in self._all(ast.Name):
            yield name.lineno, name.id
        for attribute in self._all(ast.Attribute):
            yield attribute.lineno, attribute.attr
        for origin in self._all(ast.ImportFrom):
            yield from ((origin.lineno, alias.name) for alias in origin.names)

    def functions(self) -> Iterator[tuple[int, str, int]]:
        """Yield the line, name and length in lines of every function."""
        for node in self.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.lineno, node.name, (node.end_lineno or 0) - node.lineno + 1

    def broad_excepts(self) -> Iterator[tuple[int, str]]:
        """Yield the line, with its text and the next line, of handlers that catch everything."""
        for node in self._all(ast.ExceptHandler):
            caught = [getattr(part, "id", "") for part in ast.walk(node.type)] if node.type else []
            if node.type is None or _BROAD.intersection(caught):
                yield node.lineno, "\n".join(self.lines[node.lineno - 1 : node.lineno + 1])

    def _all(self, kind: type[Node]) -> Iterator[Node]:
        return (node for node in self.nodes if isinstance(node, kind))


def modules(*directories: str) -> list[SourceFile]:
    """Return the Python modules below some directories of the project."""
    found = (path for name in directories for path in sorted((ROOT / name).rglob("*.py")))
    return [
        SourceFile(path.relative_to(ROOT).as_posix())
        for path in found
        if not _NOT_OURS.intersection(path.relative_to(ROOT).parts)
    ]


def texts() -> Iterator[tuple[str, str]]:
    """Yield the path and the content of every text file that belongs to the project."""
    for path in sorted(_files(ROOT)):
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def find_matches(pattern: re.Pattern[str]) -> list[str]:
    """Return `path:line: text` of every match in the project's text files."""
    return [
        f"{path}:{number}: {match.group()}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        for match in pattern.finditer(line)
    ]


def _files(directory: Path) -> Iterator[Path]:
    for path in directory.iterdir():
        if path.is_symlink() or path.name in _NOT_OURS:
            continue
        if path.is_dir():
            # Directories that start with a dot belong to tools: caches, environments, Git.
            if not path.name.startswith(".") or path.name in _HIDDEN_BUT_OURS:
                yield from _files(path)
        elif path.is_file():
            yield path
