"""The navigation of the site: the list in docs/README.md, in its order."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import Final

INDEX: Final = "docs/README.md"
_ITEM: Final = re.compile(r"^\d+\. \*\*(.+?)\*\*:(.*?)(?=^\d+\. |\Z)", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)\)")

NavigationEntry = dict[str, "str | list[NavigationEntry]"]
"""A title with a page, or with the entries below it."""


def navigation_of(index: str, pages: Sequence[str]) -> list[NavigationEntry]:
    """Return the entries for the numbered list of the index.

    The page README.md of a folder inside docs/ brings the other pages of its folder.
    """
    sections: list[NavigationEntry] = []
    for title, text in _ITEM.findall(index):
        entries = [
            _entry(name, posixpath.normpath(posixpath.join("docs", path)), pages)
            for name, path in _LINK.findall(text)
        ]
        sections.append({title: _page_or_entries(entries)})
    return sections


def _page_or_entries(entries: list[NavigationEntry]) -> str | list[NavigationEntry]:
    """Return the page of a section that has only one."""
    first = next(iter(entries[0].values()))
    return first if len(entries) == 1 else entries


def _entry(name: str, page: str, pages: Sequence[str]) -> NavigationEntry:
    title = name[0].upper() + name[1:]
    folder = posixpath.dirname(page)
    if posixpath.basename(page) != "README.md" or not folder.startswith("docs/"):
        return {title: page}
    others = [path for path in pages if posixpath.dirname(path) == folder and path != page]
    entries: list[NavigationEntry] = [{"Overview": page}]
    entries += [{_title(path): path} for path in others]
    return {title: entries}


def _title(page: str) -> str:
    words = posixpath.basename(page).removesuffix(".md").replace("-", " ")
    return words[0].upper() + words[1:]


def pages_in(entries: Sequence[NavigationEntry]) -> set[str]:
    """Return the pages of these entries and of all below them."""
    pages: set[str] = set()
    for entry in entries:
        for value in entry.values():
            pages |= {value} if isinstance(value, str) else pages_in(value)
    return pages
