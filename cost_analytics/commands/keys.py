"""`cost-analytics keys`: the keys by which services call the API."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from cost_analytics import settings
from cost_analytics.commands.listing import add_json, print_rows
from cost_analytics.commands.options import whole_number
from cost_analytics.database_work import run_connected
from cost_analytics.failures import CommandError
from schemas.api_keys import SCOPES

if TYPE_CHECKING:
    from ledger.operations.api_keys import ApiKey

_NAME: Final = "keys"
_OPERATOR: Final = "operator"

DESCRIPTION: Final = """\
A service sends its key as a bearer token, like a JWT. The scope `ingest` permits to send events,
`reserve` to authorize calls, `read` to read the costs of all users. A key is shown once: the
database has only its digest.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", metavar="list|create|revoke", required=True)
    add_json(actions.add_parser("list", help="show active and revoked keys"))
    creating = actions.add_parser("create", help="create a key and print it")
    creating.add_argument("--service", required=True, metavar="NAME", help="who will use it")
    creating.add_argument(
        "--scope",
        action="append",
        required=True,
        choices=SCOPES,
        help="what it permits; may be repeated",
    )
    revoking = actions.add_parser("revoke", help="refuse a key from now on")
    revoking.add_argument(
        "key", type=whole_number(1, 2**31 - 1), metavar="ID", help="its number in the list"
    )


def run(arguments: argparse.Namespace) -> int:
    """List, create or revoke."""
    return {"list": _list, "create": _create, "revoke": _revoke}[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    from ledger.operations.api_keys import list_keys

    keys = run_connected(settings.load("database").database_url, _NAME, list_keys)
    return print_rows(arguments, keys, _line, none="No keys.")


def _line(key: ApiKey) -> str:
    revoked = f"  revoked {key.revoked_at:%Y-%m-%d %H:%M}Z" if key.revoked_at else ""
    return (
        f"{key.key_id}  {key.hint}…  {key.service}  {', '.join(key.scopes)}  "
        f"made by {key.created_by} {key.created_at:%Y-%m-%d %H:%M}Z{revoked}"
    )


def _create(arguments: argparse.Namespace) -> int:
    from api.http.identifiers import identifier_error
    from ledger.operations.api_keys import ACTIVE_KEYS_MAX, TooManyKeysError, add_key

    service, scopes = arguments.service, arguments.scope
    if (flaw := identifier_error(service)) is not None:
        raise CommandError(f"--service {flaw}.")
    url = settings.load("database").database_url
    try:
        key, _ = run_connected(
            url, _NAME, lambda db: add_key(db, service, scopes, created_by=_OPERATOR)
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
    revoked = run_connected(url, _NAME, lambda db: revoke_key(db, key_id, revoked_by=_OPERATOR))
    if revoked is None:
        raise CommandError(f"There is no key {key_id}. `cost-analytics keys list` shows all keys.")
    print(f"Key {key_id} of {revoked.service} is revoked; the API refuses it within a second.")
    return 0
