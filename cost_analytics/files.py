"""Reads and writes the files of commands, and the name of the account that runs a command."""

from __future__ import annotations

import os
import pwd
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from cost_analytics.failures import CommandError


def read_text(file: str) -> str:
    """Return the text of a file, or of standard input for "-"; raises CommandError."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not UTF-8 text.") from None


def input_name(file: str) -> str:
    """Return the name of a file without its directories, for "-" that of standard input."""
    return "standard input" if file == "-" else Path(file).name


@contextmanager
def unfinished_file(destination: Path) -> Iterator[BinaryIO]:
    """Provide a file that only its owner may read; it appears if the block ends without error.

    Raises CommandError if it cannot be written.
    """
    unfinished = destination.with_name(f".{destination.name}.{os.getpid()}.unfinished")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(destination)
    except OSError as error:
        raise CommandError(f"{destination} cannot be written: {error.strerror or error}.") from None
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def temporary_file() -> Iterator[BinaryIO]:
    """Provide an unlinked temporary file, which disappears even if the process is killed.

    Raises CommandError if it cannot be created.
    """
    with ExitStack() as stack:
        with temporary_errors():
            file = stack.enter_context(tempfile.TemporaryFile())
        yield file


@contextmanager
def temporary_errors() -> Iterator[None]:
    """Raise CommandError if a temporary file cannot be written in the block."""
    try:
        yield
    except OSError as error:
        where = f"{tempfile.gettempdir()}, the directory in TMPDIR for temporary files,"
        raise CommandError(f"{where} cannot be written: {error.strerror or error}.") from None


def account() -> str:
    """Return the name of the account that runs this process."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"account {os.getuid()}"
