"""Finds values in a body: by `call.metadata.userId`, or by a JSON pointer that begins with `/`."""

from __future__ import annotations

from typing import Any, Final

from api.http.identifiers import is_identifier

DEPTH_MAX: Final = 20


def path_error(path: str) -> str | None:
    """Return the error of an invalid path, to follow the field's name; None if valid."""
    parts = _parts(path)
    if not all(parts) or len(parts) > DEPTH_MAX:
        return (
            f"must be up to {DEPTH_MAX} names with points between them, such as "
            "`call.metadata.userId`, or a JSON pointer"
        )
    return None


def find(document: Any, path: str) -> Any:
    """Return the value at a path, None if there is none."""
    for part in _parts(path):
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isascii() and part.isdigit() and len(part) < 10:
            document = document[int(part)] if int(part) < len(document) else None
        else:
            return None
    return document


def find_identifier(document: Any, path: str | None) -> str | None:
    """Return the id at a path, None if there is none that can be stored. Integers become text."""
    value = None if path is None else find(document, path)
    if type(value) is int:
        value = str(value)
    return value if isinstance(value, str) and is_identifier(value) else None


def _parts(path: str) -> list[str]:
    if not path.startswith("/"):
        return path.split(".")
    return [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]
