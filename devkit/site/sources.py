"""The documents of the repository, and the files that they link to.

The site keeps the paths of the repository, so that links between documents stay as they are.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

PATTERNS: Final = ("*.md", "charts/*/*.md", "clients/*/*.md", "docs/**/*.md")
_FENCED: Final = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_TARGET: Final = re.compile(r"""(\]\(|\b(?:href|src)=")([^)"#\s]+)""")
"""The path of a link or an image, in Markdown or HTML."""

_DIFF: Final = re.compile(r"^\[[^\]\n]+\]\(([^)\s]+\.diff)\)$", re.MULTILINE)
"""The path of a diff that is linked in a line of its own."""

_ROW: Final = re.compile(r"^\|.*$", re.MULTILINE)
_CODE: Final = re.compile(r"`[^`\n]+`")


class MissingTargetError(Exception):
    """A document links to a file that does not exist."""

    def __init__(self, page: str, target: str) -> None:
        super().__init__(f"{page}: {target} does not exist")


def pages_of(root: Path) -> list[str]:
    """Return the paths of all documents below the root."""
    return sorted(
        {path.relative_to(root).as_posix() for pattern in PATTERNS for path in root.glob(pattern)}
    )


def stage(root: Path, directory: Path) -> list[str]:
    """Copy the documents and the files that they link to; returns the documents' paths.

    A linked folder becomes a page that lists its files. A missing document is left to the strict
    build, which shows the line.
    """
    pages = pages_of(root)
    folders: set[str] = set()
    for page in pages:
        text = (root / page).read_text(encoding="utf-8")
        for target in targets_of(page, text):
            source = root / target
            if source.is_dir():
                folders.add(target)
            elif source.is_file() and target not in pages:
                _copy(root, directory, target)
            elif not source.is_file() and not target.endswith(".md"):
                raise MissingTargetError(page, target)
        shown = _show_diffs(page, _name_pages(page, _unescape_code(text), root), root)
        _write(directory / page, shown)
    for folder in sorted(folders - {posixpath.dirname(page) for page in pages}):
        files = sorted(path.name for path in (root / folder).iterdir() if path.is_file())
        for name in files:
            _copy(root, directory, f"{folder}/{name}")
        _write(directory / folder / "README.md", _list_of(folder, files))
    return pages


def targets_of(page: str, text: str) -> Iterator[str]:
    """Yield the paths, from the root, that a document links to."""
    for part in _FENCED.split(text)[::2]:
        for _, target in _TARGET.findall(part):
            if not _is_outside(target):
                yield _resolve(page, target)


def _resolve(page: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), target))


def _is_outside(target: str) -> bool:
    return "://" in target or target.startswith(("mailto:", "/"))


def _name_pages(page: str, text: str, root: Path) -> str:
    """Replace each link to a folder by one to the folder's page."""

    def replace(match: re.Match[str]) -> str:
        opening, target = match.groups()
        is_folder = not _is_outside(target) and (root / _resolve(page, target)).is_dir()
        return f"{opening}{posixpath.join(target, 'README.md')}" if is_folder else match[0]

    return _outside_of_code(text, lambda part: _TARGET.sub(replace, part))


def _show_diffs(page: str, text: str, root: Path) -> str:
    """Show each diff that is linked in a line of its own below that line."""

    def show(match: re.Match[str]) -> str:
        diff = (root / _resolve(page, match[1])).read_text(encoding="utf-8")
        return f"{match[0]}\n\n```diff\n{diff}```"

    return _outside_of_code(text, lambda part: _DIFF.sub(show, part))


def _unescape_code(text: str) -> str:
    """Remove the backslash before `|` in code of tables: GitHub needs it, the builder shows it."""

    def unescape(part: str) -> str:
        return _ROW.sub(
            lambda row: _CODE.sub(lambda code: code[0].replace(r"\|", "|"), row[0]), part
        )

    return _outside_of_code(text, unescape)


def _outside_of_code(text: str, change: Callable[[str], str]) -> str:
    parts = _FENCED.split(text)
    parts[::2] = [change(part) for part in parts[::2]]
    return "".join(parts)


def _list_of(folder: str, files: list[str]) -> str:
    return f"# {folder}\n\n" + "".join(f"* [{name}]({name})\n" for name in files)


def _copy(root: Path, directory: Path, path: str) -> None:
    target = directory / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(root / path, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
