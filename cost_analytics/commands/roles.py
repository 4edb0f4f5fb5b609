"""`cost-analytics roles`: creates a PostgreSQL login with its own rights for each process."""

from __future__ import annotations

import argparse
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from cost_analytics import settings
from cost_analytics.configuration.database_section import PROCESS_LOGINS
from cost_analytics.configuration.dev_file import read_dev_file, write_dev_file
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

A password is taken from API_DATABASE_PASSWORD and so on, or else from FILE. For a new login, and
with --rotate, a new password is generated. The address for each process is written to FILE, which
only its owner can read: give each process only its own line. Running processes keep their
connections after --rotate but cannot reconnect, so restart them.
"""
_PASSWORD_BYTES: Final = 24
_PREFIX: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the action."""
    actions = parser.add_subparsers(dest="action", metavar="create", required=True)
    creating = actions.add_parser(
        "create", help="create the logins, or update them", description=_CREATE
    )
    creating.add_argument(
        "--write", metavar="FILE", type=Path, help="where to write the addresses, mode 600"
    )
    creating.add_argument(
        "--rotate",
        action="store_true",
        help="generate new passwords for logins without a given one",
    )
    creating.add_argument(
        "--prefix",
        metavar="P",
        type=_prefix,
        default="cost_analytics_",
        help="the prefix of the login names, for several installations on one server "
        "(default: cost_analytics_)",
    )
    creating.add_argument(
        "--without-schema",
        action="store_true",
        help="do not migrate the schema, so that a backup can be restored",
    )


def run(arguments: argparse.Namespace) -> int:
    """Create the logins and write their addresses."""
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
    given = {name: secret.reveal() for name, secret in loaded.passwords.items() if secret}
    earlier = {} if arguments.rotate else _earlier_passwords(arguments.write)
    try:
        with using_database(loaded.database_url, as_administrator=True):
            existing = run_loop(known_logins(url, arguments.prefix))
            generated = _generate_passwords(
                set(PROCESS_LOGINS) if arguments.rotate else _missing_logins(existing),
                given | earlier,
            )
            passwords: Mapping[ProcessName, str] = generated | earlier | given  # type: ignore[assignment]
            if generated and arguments.write is None:
                raise CommandError(
                    f"Passwords must be generated for {', '.join(sorted(generated))}: choose a "
                    "file with --write, or set WORKER_DATABASE_PASSWORD and so on.",
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
                write_dev_file(arguments.write, urls)
            plan = LoginPlan(passwords, arguments.prefix, schema=not arguments.without_schema)
            run_loop(create_logins(url, plan, report=print))
    except LoginsError as error:
        raise CommandError(str(error), MISUSED) from None
    for process in PROCESS_LOGINS:
        outcome = "created" if process in _missing_logins(existing) else "up to date"
        how = "new" if process in generated else "set" if process in passwords else "unchanged"
        print(f"{arguments.prefix}{process}: {outcome}, password {how}")
    return 0


def _missing_logins(existing: set[ProcessName]) -> set[str]:
    return set(PROCESS_LOGINS) - existing


def _generate_passwords(roles: set[str], given: Mapping[str, str]) -> dict[str, str]:
    """Return a new password for each login without a given one."""
    return {name: secrets.token_urlsafe(_PASSWORD_BYTES) for name in sorted(roles - given.keys())}


def _earlier_passwords(path: Path | None) -> dict[str, str]:
    """Return the passwords in the addresses that an earlier run wrote."""
    if path is None:
        return {}
    try:
        lines = read_dev_file(path)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}.") from None
    addresses = {name: lines.get(f"{name.upper()}_DATABASE_URL", "") for name in PROCESS_LOGINS}
    passwords = {name: urlsplit(address).password for name, address in addresses.items()}
    return {name: unquote(password) for name, password in passwords.items() if password}


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise argparse.ArgumentTypeError(
            "use up to 40 lower-case letters, digits and _, beginning with a letter"
        )
    return text
