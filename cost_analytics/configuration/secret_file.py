"""Reads a secret from a file, as Docker and Kubernetes provide secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Final

BYTES_MAX: Final = 64 * 1024


class SecretFileError(Exception):
    """A file with a secret cannot be used; the message follows the name of the variable.

    It contains neither the content nor the path: the variable may contain a secret by mistake.
    """


def read_secret_file(path: str) -> str:
    """Return the only line of a file, without a final line break; raises SecretFileError."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not a path"
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
