"""The expected totals, computed from the events alone by the documented rules.

It shares nothing with the ledger that it is compared with: fractions of a dollar instead of
integers, the whole set of events instead of a fold. Only the key that orders events of the same
time is reused.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from schemas.identity import identity_of
from tests.support.charge_plans import ChargedCall, SamplePlan, planned_charge
from tests.support.events import Plain
from tests.support.expected_legs import roundings
from tests.support.expected_prices import cost_nano, dollars, nano, time_of
from tests.support.prices import DEFAULTS, SamplePrice
from tests.support.totals import CallFigures, Totals

_MONTHLY_SHARES = {"raindrop": Fraction(20), "vultr": Fraction(10), "vercel": Fraction(5)}
_CALLS_A_MONTH = 1000
_DEFAULT_CHARGE = Fraction("4.99")


class Expectation(NamedTuple):
    """The totals, the counted costs without a price, and the events without an owner.

    Costs without a price count at 0; voided ones are left out of `unpriced`.
    """

    totals: Totals
    unpriced: list[Plain]
    held: list[Plain]


def expect(
    events: Iterable[Plain],
    prices: Sequence[SamplePrice] = DEFAULTS,
    plans: Sequence[SamplePlan] = (),
    closed: Mapping[str, int] | None = None,
) -> Expectation:
    """Return the totals of a set of well-formed events, which may contain repeats.

    `closed` is the number of events that each call had when it was last closed as abandoned.
    """
    unique: dict[tuple[str, str], Plain] = {}
    for event in events:
        unique.setdefault((event["source"], event["id"]), event)
    calls: dict[str, list[Plain]] = defaultdict(list)
    unpriced: list[Plain] = []
    held: list[Plain] = []
    for event in unique.values():
        calls[event["data"]["callId"]].append(event)
    totals = Totals()
    for call_id, happened in calls.items():
        if any("userId" in event["data"] for event in happened):
            is_closed = (closed or {}).get(call_id) == len(happened)
            totals.calls[call_id] = _call(happened, prices, plans, is_closed=is_closed)
            unpriced += _unpriced(happened, prices)
        else:
            held += happened
    _add_days(totals)
    return Expectation(totals, unpriced, held)


def _unpriced(events: list[Plain], prices: Sequence[SamplePrice]) -> list[Plain]:
    costs = [event for event in events if event["type"] == "cost.recorded"]
    voids = [event for event in events if event["type"] == "cost.voided"]
    return [one for one in _not_voided(costs, voids) if cost_nano(one, prices) is None]


def fee_nano(amount: Fraction) -> int:
    """Return the processor's fee of a charge by its list prices."""
    return nano(amount * Fraction("0.029")) + nano(Fraction("0.30")) if amount else 0


def _day(at: datetime) -> str:
    return at.strftime("%Y-%m-%d")


def _moment(event: Plain) -> tuple[datetime, str]:
    return time_of(event), identity_of(event["source"], event["id"])


def _milliseconds(seconds: object) -> int:
    return round(Fraction(str(seconds)) * 1000)


def _call(
    events: list[Plain],
    prices: Sequence[SamplePrice],
    plans: Sequence[SamplePlan],
    *,
    is_closed: bool = False,
) -> CallFigures:
    of: dict[str, list[Plain]] = defaultdict(list)
    for event in sorted(events, key=_moment):
        of[event["type"]].append(event)
    start = of["call.started"][0] if of["call.started"] else None
    result = start["data"] if start else {}
    end = of["call.ended"][-1] if of["call.ended"] else None
    by_default = end is not None and end["data"]["status"] == "completed" and not of["call.charged"]
    counted = _not_voided(of["cost.recorded"], of["cost.voided"])
    first_at = min(map(time_of, events))
    user_id = next(e["data"]["userId"] for e in events if "userId" in e["data"])
    persona_id = result.get("personaId") or _named_persona(of["cost.recorded"])
    state = _state(end, start, events, is_closed=is_closed)
    default = None
    if end is not None and by_default:
        cost = sum(_costs(counted, [], None, state.ended_at, first_at, prices).values())
        duration_ms = _milliseconds(end["data"]["duration_seconds"])
        facts = ChargedCall(user_id, persona_id, tags_of(events), time_of(end), duration_ms, cost)
        planned = planned_charge(plans, facts)
        charge = _DEFAULT_CHARGE if planned is None else Fraction(nano(planned), 10**9)
        default = (end, charge)
    expected_seconds = result.get("expectedDuration_seconds")
    return CallFigures(
        user_id=user_id,
        persona_id=persona_id,
        status=state.status,
        direction=result.get("direction"),
        expected_duration_ms=None if expected_seconds is None else _milliseconds(expected_seconds),
        duration_ms=state.duration_ms,
        first_at=first_at,
        started_at=time_of(start) if start else None,
        ended_at=state.ended_at,
        costs=_costs(counted, of["call.charged"], default, state.ended_at, first_at, prices),
        charges=_charges(of["call.charged"], of["call.refunded"], default),
        charge_count=len(of["call.charged"]),
        default_charge_nano=nano(default[1]) if default else 0,
        default_fee_nano=fee_nano(default[1]) if default else 0,
        estimated_count=sum(bool(event["data"].get("estimated")) for event in counted),
        event_count=len(events),
        tags=tags_of(events),
    )


class _State(NamedTuple):
    """How a call ended, if it did."""

    status: str
    duration_ms: int
    ended_at: datetime | None


def _state(
    end: Plain | None, start: Plain | None, events: list[Plain], *, is_closed: bool
) -> _State:
    if end is not None:
        data = end["data"]
        return _State(data["status"], _milliseconds(data["duration_seconds"]), time_of(end))
    if not is_closed:
        return _State("active", 0, None)
    last_at = max(map(time_of, events))
    lasted = last_at - (time_of(start) if start else min(map(time_of, events)))
    return _State("abandoned", int(Fraction(lasted // timedelta(microseconds=1), 1000)), last_at)


def tags_of(events: Iterable[Plain]) -> dict[str, str]:
    """Return the tags of a call: per key the earliest, and of more than ten the earliest ten."""
    first: dict[str, tuple[tuple[datetime, str], str, str]] = {}
    for event in sorted(events, key=_moment):
        for key, value in (event["data"].get("tags") or {}).items():
            first.setdefault(key, (_moment(event), key, value))
    return {key: value for _, key, value in sorted(first.values())[:10]}


def _costs(
    recorded: list[Plain],
    charges: list[Plain],
    default: tuple[Plain, Fraction] | None,
    ended_at: datetime | None,
    first_at: datetime,
    prices: Sequence[SamplePrice],
) -> dict[tuple[str, str], int]:
    """Sum usage, infrastructure, roundings of legs and processors' fees by day and service."""
    sums = _Sums()
    for event in recorded:
        sums.add((_day(time_of(event)), event["data"]["service"]), cost_nano(event, prices) or 0)
    if ended_at is not None:
        for service, rounding in roundings(recorded, prices):
            sums.add((_day(ended_at), service), rounding)
    for service, monthly in _MONTHLY_SHARES.items():
        sums.add((_day(first_at), service), nano(monthly / _CALLS_A_MONTH))
    for event in charges:
        data = event["data"]
        by_list = fee_nano(Fraction(nano(dollars(data["amount"])), 10**9))
        kept = by_list if data.get("fee") is None else nano(dollars(data["fee"]))
        sums.add((_day(time_of(event)), data.get("processor", "stripe")), kept)
    if default is not None:
        sums.add((_day(time_of(default[0])), "stripe"), fee_nano(default[1]))
    return sums.without_zeros()


def _charges(
    charges: list[Plain], refunds: list[Plain], default: tuple[Plain, Fraction] | None
) -> dict[str, tuple[int, int]]:
    """Sum charges and refunds by day."""
    charged, refunded = _Sums(), _Sums()
    for event in charges:
        charged.add(_day(time_of(event)), nano(dollars(event["data"]["amount"])))
    for event in refunds:
        refunded.add(_day(time_of(event)), nano(dollars(event["data"]["amount"])))
    if default is not None:
        charged.add(_day(time_of(default[0])), nano(default[1]))
    days = charged.without_zeros().keys() | refunded.without_zeros().keys()
    return {day: (charged.get(day, 0), refunded.get(day, 0)) for day in days}


def _not_voided(costs: list[Plain], voids: list[Plain]) -> list[Plain]:
    gone = {(v["data"]["voids"]["source"], v["data"]["voids"]["id"]) for v in voids}
    return [event for event in costs if (event["source"], event["id"]) not in gone]


def _named_persona(costs: list[Plain]) -> str | None:
    return next((e["data"]["personaId"] for e in costs if "personaId" in e["data"]), None)


class _Sums(dict[Any, int]):
    def add(self, key: object, amount: int) -> None:
        self[key] = self.get(key, 0) + amount

    def without_zeros(self) -> dict[Any, int]:
        return {key: amount for key, amount in self.items() if amount}


def _add_days(totals: Totals) -> None:
    """Add the calls to the days of their users."""
    costs = _Sums()
    sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for call in totals.calls.values():
        persona = call.persona_id or ""
        for (day, service), cost in call.costs.items():
            costs.add((call.user_id, day, persona, service), cost)
        first = sums[call.user_id, _day(call.first_at), persona]
        first[0] += 1
        first[1] += call.duration_ms
        for day, (charged, refunded) in call.charges.items():
            sums[call.user_id, day, persona][2] += charged
            sums[call.user_id, day, persona][3] += refunded
    totals.user_day_costs = costs.without_zeros()
    totals.user_days = {key: (a, b, c, d) for key, (a, b, c, d) in sums.items() if a or b or c or d}
