"""Reads the input files of commands, and the name of the account that runs a command."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

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


def account() -> str:
    """Return the name of the account that runs this process."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"account {os.getuid()}"
