"""The plain definition of filtered and grouped spending, and the same figures from a response."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date
from decimal import Decimal
from typing import Any, NamedTuple

from ledger.reports.filters import CostFilter
from tests.support.events import Plain
from tests.support.expected import expect
from tests.support.expected_prices import cost_nano, model_of, time_of
from tests.support.prices import SamplePrice
from tests.support.totals import CallFigures

Sums = tuple[int, int, int, int, int]
"""Nano-dollars of cost, charges and refunds; calls and milliseconds."""
NOTHING: Sums = (0, 0, 0, 0, 0)


class Wanted(NamedTuple):
    """A request; `user` is None for all, `group_by` is `persona`, `service`, `model` or `tag:KEY`."""

    user: str | None
    days: tuple[date, date]
    filters: CostFilter
    group_by: str

    @property
    def query(self) -> list[tuple[str, str]]:
        filters = self.filters
        return [
            ("period", "custom"),
            ("startDate", str(self.days[0])),
            ("endDate", str(self.days[1])),
            ("groupBy", self.group_by),
            *(("personaId", name) for name in filters.personas),
            *(("service", name) for name in filters.services),
            *(("model", name) for name in filters.models),
            *(("tag", f"{key}:{value}") for key, value in filters.tags),
        ]


def expected_groups(
    events: Sequence[Plain], prices: Sequence[SamplePrice], wanted: Wanted
) -> dict[str | None, Sums]:
    """Return the sums of each group that is not zero; the key None is what has no value."""
    groups: dict[str | None, list[int]] = defaultdict(lambda: [0] * 5)
    for call_id, call in expect(events, prices).totals.calls.items():
        if wanted.user in (None, call.user_id) and _is_selected(call, wanted.filters):
            own = [event for event in events if event["data"]["callId"] == call_id]
            for value, place, amount in _postings(call, own, prices, wanted):
                groups[value][place] += amount
    return {value: _five(sums) for value, sums in groups.items() if any(sums)}


def _is_selected(call: CallFigures, filters: CostFilter) -> bool:
    permitted: dict[str, set[str]] = defaultdict(set)
    for key, value in filters.tags:
        permitted[key].add(value)
    return (not filters.personas or (call.persona_id or "unknown") in filters.personas) and all(
        call.tags.get(key, "") in values for key, values in permitted.items()
    )


def _postings(
    call: CallFigures, events: list[Plain], prices: Sequence[SamplePrice], wanted: Wanted
) -> Iterator[tuple[str | None, int, int]]:
    first, last = map(str, wanted.days)
    of_call = (
        call.tags.get(wanted.group_by.removeprefix("tag:"))
        if wanted.group_by.startswith("tag:")
        else call.persona_id
    )
    for (day, service, model), nano in _costs(call, events, prices).items():
        if first <= day <= last and _is_wanted(service, model, wanted.filters):
            by = {"service": service, "model": model or None}
            yield by.get(wanted.group_by, of_call), 0, nano
    if wanted.group_by in ("service", "model"):
        return
    for day, (charged, refunded) in call.charges.items():
        if first <= day <= last:
            yield of_call, 1, charged
            yield of_call, 2, refunded
    if first <= str(call.first_at.astimezone(UTC).date()) <= last:
        yield of_call, 3, 1
        yield of_call, 4, call.duration_ms


def _costs(
    call: CallFigures, events: list[Plain], prices: Sequence[SamplePrice]
) -> dict[tuple[str, str, str], int]:
    """Return the costs of a call by day, service and model; what no recorded cost names has none."""
    costs: dict[tuple[str, str, str], int] = defaultdict(int)
    for (day, service), nano in call.costs.items():
        costs[day, service, ""] += nano
    unique = {(event["source"], event["id"]): event for event in events}
    voids = [event["data"]["voids"] for event in events if event["type"] == "cost.voided"]
    for void in voids:
        unique.pop((void["source"], void["id"]), None)
    for event in unique.values():
        if event["type"] == "cost.recorded" and (model := model_of(event["data"])):
            day, service = str(time_of(event).date()), event["data"]["service"]
            nano = cost_nano(event, prices) or 0
            costs[day, service, model] += nano
            costs[day, service, ""] -= nano
    return costs


def _is_wanted(service: str, model: str, filters: CostFilter) -> bool:
    return (not filters.services or service in filters.services) and (
        not filters.models or model in filters.models
    )


def found_groups(body: dict[str, Any]) -> tuple[dict[str | None, Sums], Sums, int]:
    """Return the groups of a body, the sums of those it does not list, and their number."""
    groups = body["groups"]
    listed = {one["value"]: _sums(one) for one in groups["groups"]}
    without = {None: _sums(groups["without"])} if any(_sums(groups["without"])) else {}
    return {**listed, **without}, _sums(groups["others"]), groups["others"]["number"]


def total_of(body: dict[str, Any]) -> Sums:
    """Return the totals of spending or of all users."""
    charged = body.get("totalCharged", body.get("totalRevenue"))
    return _five(
        [
            _nano(body["totalCost"]), _nano(charged), _nano(body["totalRefunded"]),
            body["totalCalls"], _milliseconds(body["totalDuration_seconds"]),
        ]
    )  # fmt: skip


def add_up(sums: Iterable[Sums]) -> Sums:
    """Return the sum of groups."""
    return _five([sum(column) for column in zip(NOTHING, *sums, strict=True)])


def _sums(group: dict[str, Any]) -> Sums:
    return _five(
        [
            _nano(group["totalCost"]), _nano(group["totalCharged"]), _nano(group["totalRefunded"]),
            group["totalCalls"] or 0, _milliseconds(group["totalDuration_seconds"]),
        ]
    )  # fmt: skip


def _five(values: Sequence[int]) -> Sums:
    a, b, c, d, e = values
    return a, b, c, d, e


def _nano(amount: object) -> int:
    return int(Decimal(str(amount or 0)).scaleb(9))


def _milliseconds(seconds: object) -> int:
    return int(Decimal(str(seconds or 0)).scaleb(3))
