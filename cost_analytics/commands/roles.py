"""`cost-analytics roles`: creates a PostgreSQL login with its own rights for each process."""

from __future__ import annotations

import argparse
import re
import secrets
from collections.abc import Container, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from cost_analytics import settings
from cost_analytics.configuration.database_section import PROCESS_LOGINS
from cost_analytics.configuration.dev_file import read_env_file, write_env_file
from cost_analytics.failures import MISUSED, CommandError, using_database

if TYPE_CHECKING:
    from ledger.postgres.logins import ProcessName

DESCRIPTION: Final = """\
PostgreSQL logins: `migrate` owns the tables; `operator`, `worker`, `api` and `notifications` have
only the rights that their process needs (docs/operations.md).
"""
_CREATE: Final = """\
Creates the logins cost_analytics_migrate, cost_analytics_operator and so on, grants their rights,
makes `migrate` the owner of the tables, and migrates the schema to the newest version. It logs in
with ADMIN_DATABASE_URL (default: DATABASE_URL), as a superuser. It can be repeated at any time.

A password is taken from the setting of its process, such as API_DATABASE_PASSWORD, or else from
FILE. For a new login, and with --rotate, a new password is generated. The database URL of each
process is written to FILE, which only its owner can read: give each process only its own line.
Running processes keep their connections after --rotate but cannot reconnect, so restart them.
"""
_PASSWORD_BYTES: Final = 24
_PREFIX: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the action."""
    actions = parser.add_subparsers(dest="action", metavar="create", required=True)
    create_parser = actions.add_parser(
        "create", help="create the logins, or update them", description=_CREATE
    )
    create_parser.add_argument(
        "--write", metavar="FILE", type=Path, help="where to write the database URLs, mode 600"
    )
    create_parser.add_argument(
        "--rotate",
        action="store_true",
        help="generate new passwords, except those that are set in the environment",
    )
    create_parser.add_argument(
        "--prefix",
        metavar="P",
        type=_prefix,
        default="cost_analytics_",
        help="the prefix of the login names, for several installations on one server "
        "(default: cost_analytics_)",
    )
    create_parser.add_argument(
        "--without-schema",
        action="store_true",
        help="do not migrate the schema, so that a backup can be restored",
    )


def run(arguments: argparse.Namespace) -> int:
    """Create the logins and write their database URLs."""
    loaded = settings.load("database", login="admin")
    from cost_analytics.running import run as run_loop
    from ledger.postgres.logins import (
        LoginPlan,
        LoginsError,
        create_logins,
        known_logins,
        login_url,
    )

    url = loaded.database_url.reveal()
    configured = {name: secret.reveal() for name, secret in loaded.passwords.items() if secret}
    written = {} if arguments.rotate else _written_passwords(arguments.write)
    try:
        with using_database(loaded.database_url, as_administrator=True):
            existing = run_loop(known_logins(url, arguments.prefix))
            generated = _generate_passwords(
                set(PROCESS_LOGINS) if arguments.rotate else _missing_logins(existing),
                {*configured, *written},
            )
            # The environment has priority over FILE.
            passwords: Mapping[ProcessName, str] = generated | written | configured  # type: ignore[assignment]
            if generated and arguments.write is None:
                raise CommandError(
                    f"Passwords must be generated for {', '.join(sorted(generated))}: choose a "
                    "file with --write, or set their passwords, such as WORKER_DATABASE_PASSWORD.",
                    MISUSED,
                )
            # Written before the logins change, so that no password can be lost.
            if arguments.write is not None:
                urls = {
                    f"{process.upper()}_DATABASE_URL": login_url(
                        url, process, password, arguments.prefix
                    )
                    for process, password in passwords.items()
                }
                write_env_file(arguments.write, urls)
            plan = LoginPlan(passwords, arguments.prefix, schema=not arguments.without_schema)
            run_loop(create_logins(url, plan, report=print))
    except LoginsError as error:
        raise CommandError(str(error), MISUSED) from None
    for process in PROCESS_LOGINS:
        outcome = "created" if process in _missing_logins(existing) else "up to date"
        print(f"{arguments.prefix}{process}: {outcome}, {_origin(process, generated, passwords)}")
    return 0


def _origin(process: str, generated: Container[str], passwords: Container[str]) -> str:
    if process in generated:
        return "password generated"
    if process in passwords:
        return "password from the environment or FILE"
    return "password unchanged"


def _missing_logins(existing: set[ProcessName]) -> set[str]:
    return set(PROCESS_LOGINS) - existing


def _generate_passwords(logins: set[str], known: set[str]) -> dict[str, str]:
    """Return a new password for each login whose password is not known."""
    return {name: secrets.token_urlsafe(_PASSWORD_BYTES) for name in sorted(logins - known)}


def _written_passwords(path: Path | None) -> dict[str, str]:
    """Return the passwords in the database URLs that an earlier run wrote."""
    if path is None:
        return {}
    try:
        lines = read_env_file(path)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}.") from None
    urls = {name: lines.get(f"{name.upper()}_DATABASE_URL", "") for name in PROCESS_LOGINS}
    passwords = {name: urlsplit(url).password for name, url in urls.items()}
    return {name: unquote(password) for name, password in passwords.items() if password}


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise argparse.ArgumentTypeError(
            "use up to 40 lower-case letters, digits and _, beginning with a letter"
        )
    return text
