"""`cost-analytics webhooks`: the endpoints to which vendors send webhooks."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cost_analytics import settings
from cost_analytics.commands.listing import add_json, print_rows
from cost_analytics.database_work import run_connected
from cost_analytics.failures import CommandError

if TYPE_CHECKING:
    from ledger.operations.webhooks import ListedEndpoint
    from ledger.postgres.database import Connection

_COMMAND: Final = "webhooks"
_OPERATOR: Final = "operator"

DESCRIPTION: Final = """\
Vendors such as Vapi, Retell and Twilio report calls by webhook. `create` adds an endpoint and
prints the path of its address, and a secret if the vendor lets you choose one. `rotate` adds a
secret; the previous one stays valid until it is deleted, or until the next rotation.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(
        dest="action", metavar="list|create|rotate|delete|delete-secret", required=True
    )
    add_json(actions.add_parser("list", help="show endpoints, without their secrets"))
    create_parser = actions.add_parser("create", help="create an endpoint")
    create_parser.add_argument("provider", metavar="PROVIDER", help="the vendor, such as vapi")
    create_parser.add_argument("--name", required=True, help="any name")
    create_parser.add_argument(
        "--user-path", metavar="PATH", help="where a delivery names the user"
    )
    create_parser.add_argument("--call-path", metavar="PATH", help="where it names our call")
    create_parser.add_argument("--replay-seconds", type=int, metavar="N", help="30 to 86400 (300)")
    create_parser.add_argument("--settings", metavar="JSON", help="settings of the provider")
    create_parser.add_argument(
        "--map", metavar="MAP", help="of `mapped`: the mapping of its bodies"
    )
    rotate_parser = actions.add_parser("rotate", help="add a secret")
    delete_parser = actions.add_parser("delete", help="delete an endpoint with its secrets")
    delete_secret_parser = actions.add_parser("delete-secret", help="delete a secret")
    for action in (rotate_parser, delete_parser, delete_secret_parser):
        action.add_argument("endpoint", metavar="ENDPOINT", help="its id in the list")
    for action in (create_parser, rotate_parser):
        action.add_argument(
            "--secret-file", metavar="FILE", help="a file with the vendor's secret or public key"
        )
    delete_secret_parser.add_argument(
        "secret", type=int, metavar="SECRET", help="its number in the list"
    )


def run(arguments: argparse.Namespace) -> int:
    """List, create, rotate or delete."""
    actions = {
        "list": _list,
        "create": _create,
        "rotate": _rotate,
        "delete": _delete,
        "delete-secret": _delete_secret,
    }
    return actions[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    from ledger.operations.webhooks import list_endpoints

    return print_rows(arguments, _run(list_endpoints), _line, none="No endpoints.")


def _create(arguments: argparse.Namespace) -> int:
    from api.webhooks.endpoint_checks import InvalidEndpointError, prepare
    from ledger.operations.webhooks import TooManyEndpointsError, add_endpoint
    from schemas.jsonio import decode
    from schemas.webhooks import WantedWebhookEndpoint

    given = {
        "provider": arguments.provider,
        "name": arguments.name,
        "userPath": arguments.user_path,
        "callPath": arguments.call_path,
        "replayWindow_seconds": arguments.replay_seconds,
        "settings": _settings(arguments),
        "secret": _secret(arguments),
    }
    body = json.dumps(
        {name: value for name, value in given.items() if value is not None}, default=str
    )
    try:
        fields, secret, generated = prepare(decode(WantedWebhookEndpoint, body.encode()))
        added = _run(lambda db: add_endpoint(db, fields, secret, created_by=_OPERATOR))
    except (InvalidEndpointError, ValueError) as error:
        raise CommandError(str(error)) from None
    except TooManyEndpointsError:
        raise CommandError("There are too many endpoints; delete one first.") from None
    print(_line(added))
    _print_secret(generated)
    return 0


def _rotate(arguments: argparse.Namespace) -> int:
    from api.webhooks.endpoint_checks import InvalidEndpointError, prepare_secret
    from ledger.operations.webhooks import add_secret

    async def rotate(db: Connection) -> str | None:
        found = await _find(db, arguments.endpoint)
        secret, generated = prepare_secret(found.fields.provider, _secret(arguments))
        await add_secret(db, found.endpoint_id, secret, created_by=_OPERATOR)
        return generated

    try:
        _print_secret(_run(rotate))
    except InvalidEndpointError as error:
        raise CommandError(str(error)) from None
    print("The previous secret stays valid until it is deleted, or until the next rotation.")
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    from ledger.operations.webhooks import delete_endpoint

    async def delete(db: Connection) -> None:
        await delete_endpoint(db, (await _find(db, arguments.endpoint)).endpoint_id)

    _run(delete)
    print(f"Endpoint {arguments.endpoint} is deleted; the API refuses it within a second.")
    return 0


def _delete_secret(arguments: argparse.Namespace) -> int:
    from ledger.operations.webhooks import delete_secret

    deleted = _run(lambda db: delete_secret(db, arguments.endpoint, arguments.secret))
    if not deleted:
        raise CommandError(f"The endpoint has no secret {arguments.secret}.")
    print(f"Secret {arguments.secret} is deleted; the API refuses it within a second.")
    return 0


async def _find(db: Connection, endpoint_id: str) -> ListedEndpoint:
    from ledger.operations.webhooks import find_endpoint

    found = await find_endpoint(db, endpoint_id)
    if found is None:
        raise CommandError("There is no such endpoint; `cost-analytics webhooks list` shows all.")
    return found


def _run(work: Any) -> Any:
    return run_connected(settings.load("database").database_url, _COMMAND, work)


def _settings(arguments: argparse.Namespace) -> Any:
    try:
        given = None if arguments.settings is None else json.loads(arguments.settings)
    except ValueError:
        raise CommandError("--settings is not JSON.") from None
    if arguments.map is None:
        return given
    from cost_analytics.map_files import read_raw_map

    return {**(given if isinstance(given, dict) else {}), "map": read_raw_map(arguments.map)}


def _secret(arguments: argparse.Namespace) -> str | None:
    """Return the text of the file: on the command line, other users could see it."""
    if arguments.secret_file is None:
        return None
    try:
        return Path(arguments.secret_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{arguments.secret_file} cannot be read: {error}.") from None


def _line(endpoint: ListedEndpoint) -> str:
    fields = endpoint.fields
    secrets = ", ".join(f"{one.secret_id} ({one.created_at:%Y-%m-%d})" for one in endpoint.secrets)
    return (
        f"/api/webhooks/{fields.provider}/{endpoint.endpoint_id}  {fields.name}  "
        f"user at {fields.user_path}  secrets {secrets or 'none'}  "
        f"created by {endpoint.created_by} {endpoint.created_at:%Y-%m-%d %H:%M}Z"
        + (
            f"  last accepted {endpoint.accepted_at:%Y-%m-%d %H:%M}Z"
            if endpoint.accepted_at
            else ""
        )
        + (f"  last refused: {endpoint.refusal}" if endpoint.refusal else "")
    )


def _print_secret(generated: str | None) -> None:
    if generated is not None:
        print(f"secret: {generated}")
