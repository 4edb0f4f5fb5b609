"""`cost-analytics keys`: the keys by which services call the API."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final, NamedTuple

from cost_analytics import settings
from cost_analytics.commands.listing import add_json, print_rows
from cost_analytics.commands.options import whole_number
from cost_analytics.database_work import run_connected
from cost_analytics.failures import CommandError
from cost_analytics.restored_keys import key_line
from schemas.api_keys import SCOPES

if TYPE_CHECKING:
    from ledger.operations.api_keys import ApiKey
    from ledger.postgres.database import Connection

_COMMAND: Final = "keys"
_OPERATOR: Final = "operator"

DESCRIPTION: Final = """\
A service sends its key as a bearer token, like a JWT. The scope `ingest` permits to send events,
`reserve` to authorize calls, `read` to read the costs of all users. A key is shown once: the
database has only its digest.
"""
_CONFIRM: Final = """\
A key that was revoked after a backup is active again after its restore. `keys list`, `restore` and
`doctor` name the keys for which this is possible, until they are revoked or confirmed.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(
        dest="action", metavar="list|create|revoke|confirm", required=True
    )
    add_json(actions.add_parser("list", help="show active and revoked keys"))
    create_parser = actions.add_parser("create", help="create a key and print it")
    create_parser.add_argument("--service", required=True, metavar="NAME", help="who will use it")
    create_parser.add_argument(
        "--scope",
        action="append",
        required=True,
        choices=SCOPES,
        help="what it permits; may be repeated",
    )
    number = whole_number(1, 2**31 - 1)
    revoke_parser = actions.add_parser("revoke", help="refuse a key from now on")
    revoke_parser.add_argument("key", type=number, metavar="ID", help="its number in the list")
    confirm_parser = actions.add_parser(
        "confirm", help="after a restore: these keys were not revoked", description=_CONFIRM
    )
    confirm_parser.add_argument(
        "keys", type=number, nargs="+", metavar="ID", help="their numbers in the list"
    )


def run(arguments: argparse.Namespace) -> int:
    """List, create, revoke or confirm."""
    return {"list": _list, "create": _create, "revoke": _revoke, "confirm": _confirm}[
        arguments.action
    ](arguments)


class _ListedKey(NamedTuple):
    row: ApiKey
    is_unconfirmed: bool


def _list(arguments: argparse.Namespace) -> int:
    keys = run_connected(settings.load("database").database_url, _COMMAND, _read)
    return print_rows(arguments, keys, _line, none="No keys.")


async def _read(connection: Connection) -> list[_ListedKey]:
    from ledger.operations.api_keys import list_keys, unconfirmed_keys

    unconfirmed = {key.key_id for key in await unconfirmed_keys(connection)}
    return [_ListedKey(key, key.key_id in unconfirmed) for key in await list_keys(connection)]


def _line(key: _ListedKey) -> str:
    unconfirmed = "  perhaps revoked before a restore" if key.is_unconfirmed else ""
    return f"{key_line(key.row)}{unconfirmed}"


def _create(arguments: argparse.Namespace) -> int:
    from api.http.identifiers import identifier_error
    from ledger.operations.api_keys import ACTIVE_KEYS_MAX, TooManyKeysError, add_key

    service, scopes = arguments.service, arguments.scope
    if (flaw := identifier_error(service)) is not None:
        raise CommandError(f"--service {flaw}.")
    url = settings.load("database").database_url
    try:
        key, _ = run_connected(
            url, _COMMAND, lambda db: add_key(db, service, scopes, created_by=_OPERATOR)
        )
    except TooManyKeysError:
        raise CommandError(
            f"{service} has {ACTIVE_KEYS_MAX} active keys, the maximum. Revoke one first."
        ) from None
    print(key)
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    from ledger.operations.api_keys import revoke_key

    url, key_id = settings.load("database").database_url, arguments.key
    revoked = run_connected(url, _COMMAND, lambda db: revoke_key(db, key_id, revoked_by=_OPERATOR))
    if revoked is None:
        raise CommandError(f"There is no key {key_id}. `cost-analytics keys list` shows all keys.")
    print(f"Key {key_id} of {revoked.service} is revoked; the API refuses it within a second.")
    return 0


def _confirm(arguments: argparse.Namespace) -> int:
    from ledger.operations.api_keys import confirm_keys

    url, key_ids = settings.load("database").database_url, set(arguments.keys)
    confirmed = run_connected(url, _COMMAND, lambda db: confirm_keys(db, key_ids))
    for key_id in sorted(confirmed):
        print(f"Key {key_id} is confirmed.")
    if missing := sorted(key_ids - confirmed):
        raise CommandError(
            f"There is no active key {missing[0]}. `cost-analytics keys list` shows all keys."
        )
    return 0
