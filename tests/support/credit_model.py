"""A user's prepaid balance by its plain definition: one charge after the other, from all events."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from schemas.identity import identity_of
from tests.support.events import Plain

USD = 10**9
DEFAULT_CHARGE_NANO = 4_990_000_000
QUARTER = timedelta(minutes=15)


class PlainGrant(NamedTuple):
    """A grant in the order in which it is drawn from."""

    priority: int
    ends: datetime
    granted_at: datetime
    grant_id: str
    starts: datetime
    nano: int


class PlainBalance(NamedTuple):
    """What is left of each valid grant, what expired of each other one, and the balance."""

    remaining: dict[str, int]
    expired: dict[str, int]
    nano: int


def plain_balance(events: Iterable[Plain], now: datetime) -> PlainBalance:
    """Return the balance that events make, whatever their order."""
    given = list({(event["source"], event["id"]): event for event in events}.values())
    grants = sorted(_grants(given))
    steps: list[tuple[datetime, int, Any]] = []
    for grant in grants:
        steps += [(grant.ends, 0, grant), (grant.starts, 1, grant)]
    if not grants:
        return PlainBalance({}, {}, 0)
    first = min(grant.starts for grant in grants)
    steps += [(at, 2, nano) for at, nano in _charges(given) if at >= first]
    remaining: dict[str, int] = {}
    expired: dict[str, int] = {}
    debt = 0
    for at, kind, what in sorted(steps, key=lambda step: step[:2]):
        if kind < 2 and at > now:
            continue
        if kind == 0:
            expired[what.grant_id] = remaining.pop(what.grant_id)
            continue
        if kind == 1:
            remaining[what.grant_id] = what.nano
        due, debt = (debt, 0) if kind == 1 else (what, debt)
        for grant in grants:
            taken = min(due, remaining.get(grant.grant_id, 0))
            if taken:
                remaining[grant.grant_id] -= taken
                due -= taken
        debt += due
    return PlainBalance(remaining, expired, sum(remaining.values()) - debt)


def latest_grant(events: Iterable[Plain], now: datetime) -> str | None:
    """Return the latest grant that has begun and is not voided."""
    begun = [grant for grant in _grants(list(events)) if grant.starts <= now]
    return (
        max(begun, key=lambda grant: (grant.granted_at, grant.grant_id)).grant_id if begun else None
    )


def _grants(events: list[Plain]) -> list[PlainGrant]:
    voided = {
        (event["data"]["userId"], *sorted(event["data"]["voids"].items()))
        for event in events
        if event["type"] == "credit.voided"
    }
    grants = []
    for event in events:
        if event["type"] != "credit.granted":
            continue
        name = {"source": event["source"], "id": event["id"]}
        data = event["data"]
        if (data["userId"], *sorted(name.items())) in voided:
            continue
        ends = data.get("expiresAt")
        whole = None if ends is None else _floor(ends + QUARTER - timedelta(microseconds=1))
        grants.append(
            PlainGrant(
                data.get("priority", 100),
                whole or datetime.max.replace(tzinfo=UTC),
                event["time"],
                str(UUID(identity_of(**name_of(event)))),
                _floor(event["time"]),
                int(Decimal(data["amount"]) * USD),
            )
        )
    return grants


def name_of(event: Plain) -> dict[str, str]:
    """Return the arguments of `identity_of`."""
    return {"source": event["source"], "event_id": event["id"]}


def _floor(moment: datetime) -> datetime:
    return moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % QUARTER


def _charges(events: list[Plain]) -> list[tuple[datetime, int]]:
    """Return what calls are charged, by quarter; refunds undo the last charge of their call first."""
    calls: dict[str, list[Plain]] = defaultdict(list)
    for event in events:
        if event["type"].startswith("call."):
            calls[event["data"]["callId"]].append(event)
    return [charge for of_call in calls.values() for charge in _charges_of(of_call)]


def _charges_of(events: list[Plain]) -> list[tuple[datetime, int]]:
    charges: dict[datetime, int] = defaultdict(int)
    refunded = 0
    for event in events:
        if event["type"] == "call.charged":
            charges[_floor(event["time"])] += int(Decimal(event["data"]["amount"]) * USD)
        if event["type"] == "call.refunded":
            refunded += int(Decimal(event["data"]["amount"]) * USD)
    ends = [event for event in events if event["type"] == "call.ended"]
    if ends and not any(event["type"] == "call.charged" for event in events):
        end = max(ends, key=lambda event: (event["time"], identity_of(**name_of(event))))
        if end["data"]["status"] == "completed":
            charges[_floor(end["time"])] += DEFAULT_CHARGE_NANO
    for quarter in sorted(charges, reverse=True):
        returned = min(refunded, charges[quarter])
        charges[quarter] -= returned
        refunded -= returned
    return list(charges.items())
