"""The file `.local/dev.env`, from which commands take the settings of a running `make run`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

DEV_FILE: Final = Path(".local") / "dev.env"
"""Relative to the directory in which a command is run."""
DEV_FILE_HINT: Final = f"; beside a running `make run` it is taken from {DEV_FILE}"
"""The end of the error sentence about a setting that is not set."""
DEVELOPMENT_SERVER: Final = "cost-analytics dev"
"""The `cluster_name` of the PostgreSQL server that a running `make run` starts, and stops."""

_HEAD: Final = "# Written by cost-analytics. Holds secrets: readable by its owner only.\n"


def read_env_file(path: Path) -> dict[str, str]:
    """Return the settings in a file, none without a file; raises OSError if unreadable."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    pairs = (line.partition("=") for line in lines if not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, separator, value in pairs if separator}


def write_env_file(path: Path, values: Mapping[str, str]) -> None:
    """Write settings to a file, or replace it atomically; only its owner can read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(_HEAD)
            file.writelines(f"{name}={value}\n" for name, value in values.items())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
