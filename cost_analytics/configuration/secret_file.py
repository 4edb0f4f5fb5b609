"""Reads the value of a secret from a file, such as Docker and Kubernetes mount it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

BYTES_MAX: Final = 64 * 1024


class SecretFileError(Exception):
    """A file with a secret cannot be used; the message goes on after the name of the variable.

    It holds neither the content nor the path: a secret may have been given in place of the path.
    """


def read_secret_file(path: str) -> str:
    """Return the one line of a file, without the line break at its end; empty for an empty file.

    Raises SecretFileError.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise SecretFileError(f"names a file that cannot be read: {reason}.") from None
    if len(content) > BYTES_MAX:
        raise SecretFileError(f"names a file of more than {BYTES_MAX // 1024} KiB.")
    try:
        text = content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise SecretFileError("names a file that is not UTF-8 text.") from None
    if not text.strip():
        return ""
    if any(character in text for character in "\n\r\0"):
        raise SecretFileError("names a file with more than one line.")
    return text
