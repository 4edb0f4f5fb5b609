"""`cost-analytics user`: exports everything about a user, and erases users."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cost_analytics import settings
from cost_analytics.archives import using_archive
from cost_analytics.commands.options import add_set_by
from cost_analytics.configuration.tree import Settings
from cost_analytics.database_work import run_connected, run_with_database
from cost_analytics.failures import CommandError, using_kafka
from cost_analytics.files import account
from schemas.people import ErasureReceipt

DESCRIPTION: Final = """\
Exports everything about a user as one file, or erases a user.
"""
_EXPORT: Final = """\
Writes everything about a user as JSON lines: first a description, then each row of each table as
{"table": …, "row": …}, and last the number of rows of each table. A file without the last line is
incomplete. Money is in nano-dollars (…_nano), as in the database.
"""
_ERASE: Final = """\
Replaces a user's identity by a pseudonym in every table, and deletes contacts and notifications.
No total changes: `verify` finds no difference before and after. Events that arrive later are
counted under the pseudonym. The erasure is recorded in Kafka, so that a restored backup is erased
again. Prints a receipt, which does not contain the identity. All workers must be of this release;
they wait while the erasure runs.

An id that is not in the data is refused, because it may be mistyped, and an erased id can never be
used again. --allow-unknown erases it in advance: data may still arrive, such as records in Kafka
that are not counted yet.
"""
_REWRITE: Final = """\
Rewrites the archive files that still contain erased users, with new manifests, and deletes the old
ones. It can be interrupted and run again.
"""
_COMMAND: Final = "user"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(
        dest="action", metavar="export|erase|rewrite-archives|erasures", required=True
    )
    export = actions.add_parser("export", help="everything about a user", description=_EXPORT)
    export.add_argument("--to", metavar="FILE", type=Path, help="default: standard output")
    erase = actions.add_parser("erase", help="erase a user", description=_ERASE)
    erase.add_argument("--dry-run", action="store_true", help="only show what would be done")
    erase.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    erase.add_argument(
        "--allow-unknown",
        action="store_true",
        help="erase an id that is not in the data yet",
    )
    add_set_by(erase)
    for action in (export, erase):
        action.add_argument("user", metavar="USER", help="the user's id")
    rewrite = actions.add_parser(
        "rewrite-archives", help="rewrite files that contain erased users", description=_REWRITE
    )
    for action in (export, erase, rewrite):
        action.add_argument(
            "--archive", metavar="DIR", type=Path, help="the directory of archive files"
        )
    actions.add_parser("erasures", help="show the receipts of all erasures as JSON lines")


def run(arguments: argparse.Namespace) -> int:
    """Export, erase, rewrite or list."""
    return {
        "export": _export,
        "erase": _erase,
        "rewrite-archives": _rewrite,
        "erasures": _erasures,
    }[arguments.action](arguments)


def _export(arguments: argparse.Namespace) -> int:
    from cost_analytics.user_files import export_user

    url = settings.load("database").database_url
    with using_archive():
        written = run_with_database(
            url, export_user(url.reveal(), arguments.user, arguments.to, arguments.archive)
        )
    print(f"{sum(written.rows.values()):,} rows of {len(written.rows)} tables", file=sys.stderr)
    for name in written.missing_files:
        print(
            f"not exported: archive file {name}; give its directory with --archive DIR",
            file=sys.stderr,
        )
    return 1 if written.missing_files else 0


def _erase(arguments: argparse.Namespace) -> int:
    user_id: str = arguments.user
    if not user_id:
        raise CommandError("USER must not be empty.")
    loaded = settings.load("database", "kafka")
    if not arguments.dry_run and not arguments.yes:
        _print_receipt(_erase_user(loaded, arguments, dry_run=True))
        _confirm(user_id)
    receipt = _erase_user(loaded, arguments, dry_run=arguments.dry_run)
    _print_receipt(receipt)
    if receipt.pending_archives and not receipt.dry_run:
        if arguments.archive is not None:
            return _rewrite(arguments)
        print("Next: cost-analytics user rewrite-archives --archive DIR", file=sys.stderr)
        return 1
    return 0


def _erase_user(
    loaded: Settings, arguments: argparse.Namespace, *, dry_run: bool
) -> ErasureReceipt:
    from cost_analytics.erasing import erase
    from ledger.people.erasure import ErasureBusyError, UnknownUserError

    work = erase(
        loaded.database_url.reveal(),
        loaded.kafka.client(),
        arguments.user,
        arguments.set_by or account(),
        datetime.now(UTC),
        dry_run=dry_run,
        allow_unknown=arguments.allow_unknown,
    )
    try:
        with using_kafka(loaded.kafka):
            return run_with_database(loaded.database_url, work)
    except ErasureBusyError as error:
        raise CommandError(f"Nothing was changed: {error}") from None
    except UnknownUserError:
        raise CommandError(
            f"Nothing was changed: the user id {arguments.user!r} is not in the data. Check its "
            "spelling. If data may still arrive, erase it in advance with --allow-unknown."
        ) from None


def _confirm(user_id: str) -> None:
    """Raise CommandError unless the user's id is typed in."""
    if not sys.stdin.isatty():
        raise CommandError("Nothing was changed: confirm with --yes, or see --dry-run.")
    print("This cannot be undone. Type the user's id to erase it: ", end="", file=sys.stderr)
    sys.stderr.flush()
    if sys.stdin.readline().rstrip("\n") != user_id:
        raise CommandError("Nothing was changed: that is another id.")


def _print_receipt(receipt: ErasureReceipt) -> None:
    from schemas.jsonio import encode

    print(encode(receipt).decode(), flush=True)


def _rewrite(arguments: argparse.Namespace) -> int:
    from cost_analytics.erasing import rewrite
    from ledger.operations.archives import ArchiveRefusedError

    if arguments.archive is None:
        raise CommandError("--archive must name the directory of the archive files.")
    loaded = settings.load("database", "kafka")
    work = rewrite(loaded.database_url.reveal(), loaded.kafka.client(), arguments.archive)
    try:
        with using_archive(), using_kafka(loaded.kafka):
            manifests = run_with_database(loaded.database_url, work)
    except ArchiveRefusedError as error:
        raise CommandError(str(error)) from None
    for manifest in manifests:
        print(f"{manifest.month}: {arguments.archive / manifest.file}", file=sys.stderr)
    if not manifests:
        print("No archive file contains an erased user.", file=sys.stderr)
    return 0


def _erasures(_: argparse.Namespace) -> int:
    from ledger.people.erasure import list_receipts

    for receipt in run_connected(settings.load("database").database_url, _COMMAND, list_receipts):
        _print_receipt(receipt)
    return 0
