"""The documents of releases: frozen files, the present ones, and what the changelog excuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from api.asyncapi.__main__ import async_document
from api.openapi.__main__ import api_document
from devkit.contracts.asyncapi import asyncapi_changes
from devkit.contracts.openapi import openapi_changes
from devkit.contracts.references import Change, Document
from devkit.contracts.schemas import SchemaComparison
from schemas.generate import MESSAGES, schema_of

ROOT: Final = Path(__file__).resolve().parents[2]
FROZEN: Final = ROOT / "docs" / "contracts"
CHANGELOG: Final = ROOT / "CHANGELOG.md"
_OPENAPI: Final = "openapi"
_ASYNCAPI: Final = "asyncapi"
_SUFFIX: Final = ".json"
_HEADING: Final = "### Incompatible changes"
_EXCUSED: Final = re.compile(r"`([^`\n]+)`")

Documents = Mapping[str, Any]
"""Documents by name: `openapi`, `asyncapi` and the names of messages."""


def present_documents() -> dict[str, Any]:
    """Return the documents that this code generates."""
    return {
        _OPENAPI: api_document(),
        _ASYNCAPI: async_document(),
        **{name: schema_of(name) for name in MESSAGES},
    }


def newest_release() -> Path:
    """Return the folder of the newest frozen release; raises ValueError without one."""
    return max(
        (path for path in FROZEN.iterdir() if path.is_dir()),
        key=lambda path: [int(part) for part in path.name.split(".")],
    )


def frozen_documents(release: Path) -> dict[str, Any]:
    """Return the documents of a release."""
    return {path.stem: json.loads(path.read_bytes()) for path in release.glob(f"*{_SUFFIX}")}


def freeze(documents: Documents, release: Path) -> None:
    """Write the documents of a release; raises FileExistsError if it is frozen already."""
    release.mkdir(parents=True)
    for name, content in documents.items():
        text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True)
        (release / f"{name}{_SUFFIX}").write_text(text + "\n", encoding="utf-8")


def find_changes(old: Documents, new: Documents) -> list[Change]:
    """Return the incompatible changes; raises UnknownReferenceError for a broken reference."""
    for name, content in new.items():
        Document(name, content).check_references()
    return sorted(set(_changes(old, new)))


def _changes(old: Documents, new: Documents) -> Iterator[Change]:
    for name, content in old.items():
        if name not in new:
            yield Change(f"{name}.schema.json", "was removed")
            continue
        before, after = Document(name, content), Document(name, new[name])
        if name == _OPENAPI:
            yield from openapi_changes(before, after)
        elif name == _ASYNCAPI:
            yield from asyncapi_changes(before, after)
        else:
            is_received = name in MESSAGES and MESSAGES[name].incoming
            yield from SchemaComparison(before, after).changes(
                content, new[name], content["title"], "received" if is_received else "sent"
            )


def excused_places(changelog: str) -> set[str]:
    """Return the places that the unreleased part of a changelog names as incompatible."""
    unreleased = re.split(r"^## (?!\[Unreleased\])", changelog, maxsplit=1, flags=re.MULTILINE)[0]
    _, _, rest = unreleased.partition(f"\n{_HEADING}\n")
    section = re.split(r"^##", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return set(_EXCUSED.findall(section))


def unexcused_changes(changes: list[Change], changelog: str) -> list[Change]:
    """Return the changes that the changelog does not name."""
    excused = excused_places(changelog)
    return [change for change in changes if change.place not in excused]
