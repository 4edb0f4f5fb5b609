"""The files of the embedded PostgreSQL: its programs, its data directory, its password."""

import contextlib
import os
import pwd
import secrets
import shutil
from pathlib import Path
from typing import Final

import psutil

from cost_analytics.backups.wheel_programs import wheel_program
from devkit.embedded.processes import ServerError, SystemAccount

VERSION: Final = "16"
_UNPRIVILEGED: Final = "nobody"


def find_program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs.

    Raises ServerError if the package with the programs is missing.
    """
    path = wheel_program(name)
    if path is None:
        raise ServerError(
            "the embedded database is not installed: pip install 'cost-analytics[dev]'"
        )
    return path


def server_account(data: Path) -> SystemAccount | None:
    """Return the account to run the server as, None for our own.

    Raises ServerError as root on a system without an unprivileged account.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        status = data.stat()
        return SystemAccount(status.st_uid, status.st_gid)
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError as error:
        raise ServerError(
            f"PostgreSQL refuses to run as root, and there is no account {_UNPRIVILEGED!r} for it"
        ) from error
    return SystemAccount(entry.pw_uid, entry.pw_gid)


def password(path: Path) -> str:
    """Return the password in a file that only its owner may read; create it on first use.

    Raises ServerError if it belongs to another account.
    """
    if not path.exists():
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(16))
    try:
        return path.read_text().strip()
    except PermissionError as error:
        raise _foreign_file_error(path) from error


def empty_directory(path: Path, account: SystemAccount | None) -> None:
    """Create an empty private directory for `account`, replacing an unfinished one."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True, mode=0o700)
    set_owner(path, account)


def set_owner(path: Path, account: SystemAccount | None) -> None:
    """Make `account` the owner of a file or directory, if possible.

    A root that cannot change owners cannot change its account either: `launch.py` then only renames
    its own account, which owns the files already.
    """
    if account is not None:
        with contextlib.suppress(OSError):
            os.chown(path, account.uid, account.gid)


def check_usable(data: Path) -> None:
    """Raise ServerError if the data are of another version or belong to another account."""
    try:
        version = (data / "PG_VERSION").read_text().strip()
    except PermissionError as error:
        raise _foreign_file_error(data) from error
    if version != VERSION:
        raise ServerError(
            f"{data} was created by PostgreSQL {version}, this is {VERSION}; remove it"
        )


def running_server(data: Path) -> int | None:
    """Return the process id of the server that uses the data; remove the file of a killed one.

    PostgreSQL itself only checks whether a process with the stored id exists. After a crash that
    may be any program, especially in a container, where the same few ids are reused.
    """
    note = data / "postmaster.pid"
    try:
        pid = int(note.read_text().split("\n", 1)[0])
        if Path(psutil.Process(pid).exe()).name == "postgres":
            return pid
    except FileNotFoundError:
        return None
    except (ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        pass
    note.unlink(missing_ok=True)
    return None


def is_ready(data: Path, pid: int) -> bool:
    """Return whether the server with this process id has reported that it accepts connections."""
    try:
        lines = (data / "postmaster.pid").read_text().split("\n")
    except FileNotFoundError:
        return False
    return lines[0] == str(pid) and any(line.strip() == "ready" for line in lines)


def _foreign_file_error(path: Path) -> ServerError:
    return ServerError(f"{path} belongs to another account; run as that account, or remove it")
