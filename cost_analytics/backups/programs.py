"""Finds and runs PostgreSQL's client programs, on PATH or of the embedded server."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from cost_analytics.backups.wheel_programs import wheel_program
from cost_analytics.configuration.secret import Secret
from cost_analytics.failures import CommandError
from cost_analytics.minimal_environment import minimal_environment
from cost_analytics.redaction import Redactor

_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)")
_STOP_SECONDS: Final = 5
_LINES_KEPT: Final = 5


async def find(name: str, server_version: int) -> str:
    """Return the path of a program that is at least as new as the server's major version.

    `server_version` is a number such as 160014. Raises CommandError if there is none.
    """
    required = server_version // 10_000
    versions = []
    for path in _candidates(name):
        major = await _major(path)
        if major >= required:
            return path
        versions.append(f"{path} is version {major}")
    raise CommandError(
        f"This needs {name} of PostgreSQL {required} or newer "
        f"({', '.join(versions) or 'none was found'}). "
        f"Install PostgreSQL's client programs, or cost-analytics[dev], which contains version 16."
    )


def _candidates(name: str) -> list[str]:
    candidates = [shutil.which(name), wheel_program(name)]
    return [path for path in candidates if path is not None and Path(path).exists()]


async def _major(path: str) -> int:
    process = await asyncio.create_subprocess_exec(
        path, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    output, _ = await process.communicate()
    match = _VERSION.search(output.decode())
    return int(match[1]) if match else 0


async def run(
    path: str, arguments: Sequence[str], url: Secret, on_line: Callable[[str], None]
) -> None:
    """Run a program on a database; `on_line` receives each line of its standard error.

    The password is passed in the environment, which other users cannot see. If the program fails,
    this raises CommandError with its error lines. If this is cancelled, the program is stopped.
    """
    address, password = _split(url.reveal())
    secret = {} if password is None else {"PGPASSWORD": password}
    process = await asyncio.create_subprocess_exec(
        path,
        f"--dbname={address}",
        "--no-password",
        *arguments,
        env=minimal_environment(**secret),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    errors: list[str] = []
    try:
        if process.stderr is not None:
            async for raw in process.stderr:
                line = raw.decode(errors="replace").strip()
                on_line(line)
                errors = [*errors, line][-_LINES_KEPT:]
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    if code:
        reasons = [line for line in errors if "error:" in line or "DETAIL" in line] or errors
        reason = Redactor([url.reveal()]).redact(" ".join(reasons) or f"exit code {code}")
        raise CommandError(f"{Path(path).name} failed: {reason.rstrip('.')}.")


def report_table(line: str, marker: str, verb: str, report: Callable[[str], None]) -> None:
    """Report the table that a line of a program names after `marker`, if it names one."""
    _, separator, table = line.partition(marker)
    if separator:
        report(f"{verb} {table.strip(chr(34)).removeprefix('public.')}")


def _split(url: str) -> tuple[str, str | None]:
    """Return a database address without its password, and the password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url, None
    user, _, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{name}@{host}")), unquote(parts.password)
