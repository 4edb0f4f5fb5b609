"""`cost-analytics credits`: prepaid credit of users."""

from __future__ import annotations

import argparse
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from cost_analytics import settings
from cost_analytics.commands.listing import add_json, print_rows
from cost_analytics.commands.options import whole_number
from cost_analytics.database_work import run_connected
from cost_analytics.failures import CommandError
from schemas.events import GRANT_PRIORITY, GRANT_PRIORITY_MAX
from schemas.money import MAX_EVENT_NANO, NANO_PER_USD
from schemas.numbers import decimal_from

if TYPE_CHECKING:
    from ledger.credits.credits import ListedGrant

_COMMAND: Final = "credits"
_NANO_DOLLAR: Final = Decimal(1).scaleb(-9)
_AMOUNT_MAX: Final = MAX_EVENT_NANO // NANO_PER_USD
_SOURCE: Final = "/cost-analytics/credits"

DESCRIPTION: Final = """\
Prepaid credit: charges are drawn from a user's grants, and no call starts without a balance
(docs/credits.md). It applies from a user's first grant. Grants and voids are events: they count as
soon as a worker has read them.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", metavar="list|grant|void", required=True)
    list_parser = actions.add_parser(
        "list", help="show the grants of a user, and what is left of them"
    )
    list_parser.add_argument("user", metavar="USER")
    add_json(list_parser)
    grant_parser = actions.add_parser("grant", help="grant credit to a user")
    grant_parser.add_argument("user", metavar="USER")
    grant_parser.add_argument("amount", metavar="USD", help="the amount in US dollars")
    grant_parser.add_argument(
        "--expires",
        metavar="TIME",
        help="when the rest expires: a day or a time like 2027-01-31",
    )
    grant_parser.add_argument(
        "--priority",
        type=whole_number(0, GRANT_PRIORITY_MAX),
        default=GRANT_PRIORITY,
        metavar="N",
        help=f"the lowest is drawn first (default: {GRANT_PRIORITY})",
    )
    grant_parser.add_argument("--note", help="what the grant is for")
    grant_parser.add_argument(
        "--id", help="the id of the grant: repeats with the same id count once (default: a new one)"
    )
    void_parser = actions.add_parser("void", help="void a grant, as if it had never been given")
    void_parser.add_argument("user", metavar="USER")
    void_parser.add_argument("source", metavar="SOURCE", help="the source of the grant, see `list`")
    void_parser.add_argument("id", metavar="ID", help="the id of the grant, see `list`")
    void_parser.add_argument("--reason", required=True)


def run(arguments: argparse.Namespace) -> int:
    """List, grant or void."""
    return {"list": _list, "grant": _grant, "void": _void}[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    from ledger.credits.credits import list_grants

    url, now = settings.load("database").database_url, datetime.now(UTC)
    grants = run_connected(url, _COMMAND, lambda db: list_grants(db, arguments.user, now))
    return print_rows(arguments, grants, _line, none=f"{arguments.user} has no grants.")


def _line(grant: ListedGrant) -> str:
    from schemas.sentences import exact_dollars

    until = "" if grant.expires_at is None else f", expires {grant.expires_at:%Y-%m-%d %H:%M}Z"
    return (
        f"{exact_dollars(grant.remaining_nano)} of {exact_dollars(grant.amount_nano)} left, "
        f"{grant.state}{until}  {grant.source} {grant.event_id}  {grant.note or ''}"
    ).rstrip()


def _grant(arguments: argparse.Namespace) -> int:
    from schemas.effective_times import parse_time

    amount = _amount(arguments.amount)
    if arguments.id == "":
        raise CommandError("--id must not be empty: a repeat would be granted again.")
    data: dict[str, object] = {"amount": amount, "priority": arguments.priority}
    if arguments.note:
        data["note"] = arguments.note
    if arguments.expires:
        try:
            data["expiresAt"] = parse_time(arguments.expires)
        except ValueError:
            raise CommandError("--expires must be a day or a time such as 2027-01-31.") from None
    event_id = arguments.id or str(uuid4())
    sent_id = _send(arguments.user, "credit.granted", event_id, data)
    print(f"Granted {arguments.user} ${amount:,f}: {_SOURCE} {sent_id}")
    return 0


def _amount(text: str) -> Decimal:
    """Return whole nano-dollars above 0, in US dollars; raises CommandError."""
    with suppress(ValueError):
        amount = decimal_from(text)
        if _NANO_DOLLAR <= amount <= _AMOUNT_MAX and not amount % _NANO_DOLLAR:
            return amount
    raise CommandError(
        f"USD must be a number above 0 and at most {_AMOUNT_MAX}, with at most 9 decimals."
    )


def _void(arguments: argparse.Namespace) -> int:
    voids = {"source": arguments.source, "id": arguments.id}
    data = {"voids": voids, "reason": arguments.reason}
    _send(arguments.user, "credit.voided", f"void/{uuid4()}", data)
    print(f"Voided {arguments.source} {arguments.id} of {arguments.user}.")
    return 0


def _send(user_id: str, event_type: str, event_id: str, data: dict[str, object]) -> str:
    """Send an event after checking it as a worker does; returns its id. Raises CommandError."""
    from api.intake.events import make_event
    from cost_analytics.running import run
    from cost_analytics.sending import send_event
    from schemas.refusals import Refused

    if not user_id:
        raise CommandError("USER must not be empty.")
    fields = {"userId": user_id, **data}
    try:
        event = make_event(event_type, _SOURCE, event_id, None, fields, datetime.now(UTC))
    except Refused as refusal:
        raise CommandError(refusal.message) from None
    run(send_event(settings.load("kafka").kafka, event.outgoing))
    return event.reference.id
