"""The entries that the ledger adds by itself: infrastructure shares and default charges.

Both follow from the facts of a call and are reversed when a late event changes the facts.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger.calls.call import Call
from tests.support.events import NOW, Plain, charged, cost, decoded, ended, refunded, started
from tests.support.memory_ledger import MemoryLedger
from tests.support.prices import DEFAULTS, SamplePrice, catalogue

TODAY, YESTERDAY = "2026-03-15", "2026-03-14"
A_DAY = timedelta(days=1)
SHARE = {"raindrop": 20_000_000, "vercel": 5_000_000, "vultr": 10_000_000}
DEFAULT_CHARGE = 4_990_000_000
DEFAULT_FEE = 444_710_000  # 2.9 % of 4.99, and 0.30


def after(*batches: list[Plain], rows: tuple[SamplePrice, ...] = DEFAULTS) -> Call:
    """Return the only call after some batches."""
    ledger = MemoryLedger(catalogue(rows))
    for batch in batches:
        ledger.record([decoded(plain) for plain in batch])
    (call,) = ledger.calls.values()
    return call


def costs_of(call: Call) -> dict[str, dict[str, int]]:
    """Return costs by day without zero sums."""
    kept = {day: {s: n for s, n in services.items() if n} for day, services in call.costs.items()}
    return {day: services for day, services in kept.items() if services}


@pytest.mark.parametrize("first", [started(), cost(totalCost=0), charged(amount=0), refunded()])
def test_infrastructure_is_charged_once_with_the_first_event(first: Plain) -> None:
    call = after([first], [cost(totalCost=0)], [started(time=NOW + timedelta(minutes=1))])
    assert costs_of(call) == {TODAY: SHARE}
    assert call.infrastructure == SHARE


def test_infrastructure_counts_on_the_day_of_the_earliest_event() -> None:
    call = after([started()], [cost(totalCost=0, time=NOW - A_DAY)])
    assert costs_of(call) == {YESTERDAY: SHARE}
    later = after([cost(totalCost=0, time=NOW - A_DAY)], [started()])
    assert costs_of(later) == costs_of(call)


def test_infrastructure_uses_the_price_of_its_time() -> None:
    dearer = SamplePrice("vultr", "share", "*", "calls", "90", 1_000, "infrastructure", since=NOW)
    added = SamplePrice("another", "share", "*", "calls", "1", 1_000, "infrastructure", since=NOW)
    rows = (*DEFAULTS, dearer, added)
    now = {"another": 1_000_000, **SHARE, "vultr": 90_000_000}
    assert costs_of(after([started()], rows=rows)) == {TODAY: now}
    earlier = cost(totalCost=0, time=NOW - timedelta(seconds=1))
    assert costs_of(after([started()], [earlier], rows=rows)) == {TODAY: SHARE}


def test_unknown_call_costs_nothing_yet() -> None:
    call = after([cost(user=None)])
    assert costs_of(call) == {}
    assert call.infrastructure == {}


def test_uncharged_completed_call_gets_the_default_charge() -> None:
    call = after([started(), ended()])
    assert call.charges == {TODAY: [DEFAULT_CHARGE, 0]}
    assert costs_of(call)[TODAY]["stripe"] == DEFAULT_FEE
    assert (call.default_charge_nano, call.default_fee_nano) == (DEFAULT_CHARGE, DEFAULT_FEE)


@pytest.mark.parametrize("status", ["failed", "terminated"])
def test_uncompleted_call_is_not_charged(status: str) -> None:
    call = after([started(), ended(status=status)])
    assert call.charged_nano() == call.default_charge_nano == 0
    assert "stripe" not in call.costs_by_service()


def test_active_call_is_not_charged() -> None:
    assert after([started(), cost()]).charged_nano() == 0


@pytest.mark.parametrize("amount", [2, 0])
def test_charge_replaces_the_default_before_and_after_the_end(amount: int) -> None:
    """A charge of zero is a charge: the call is free on purpose."""
    charge = charged(amount=amount, fee="0.25", time=NOW - A_DAY)
    before = after([charge], [ended()])
    behind = after([ended()], [charge])
    together = after([ended(), charge])
    for call in (before, behind, together):
        assert call.charged_nano() == amount * 10**9
        assert costs_of(call) == {YESTERDAY: {"stripe": 250_000_000, **SHARE}}
        assert (call.default_charge_nano, call.default_fee_nano) == (0, 0)


def test_default_charge_follows_the_latest_end() -> None:
    completed = ended(time=NOW - A_DAY)
    failed_later = ended(status="failed", time=NOW)
    completed_last = ended(time=NOW + timedelta(minutes=1))
    assert after([completed]).charges == {YESTERDAY: [DEFAULT_CHARGE, 0]}
    assert after([completed], [failed_later]).charged_nano() == 0
    assert after([failed_later], [completed]).charged_nano() == 0
    call = after([completed], [failed_later], [completed_last])
    assert {day: sums for day, sums in call.charges.items() if any(sums)} == {
        TODAY: [DEFAULT_CHARGE, 0]
    }


def test_refund_keeps_the_default_charge_and_its_fee() -> None:
    call = after([ended()], [refunded(amount=1)])
    assert call.charges == {TODAY: [DEFAULT_CHARGE, 10**9]}
    assert costs_of(call)[TODAY]["stripe"] == DEFAULT_FEE


@pytest.mark.parametrize(
    ("fields", "fee"),
    [
        ({"amount": "4.99"}, DEFAULT_FEE),
        ({"amount": "4.99", "fee": "0.475"}, 475_000_000),
        ({"amount": "4.99", "fee": 0}, 0),
        ({"amount": 100}, 3_200_000_000),
        ({"amount": 0}, 0),
        ({"amount": Decimal("0.0000001")}, 300_000_003),
        ({"amount": 5, "fee": "0.1", "processor": "another"}, 100_000_000),
    ],
)
def test_processor_fee_is_exact(fields: dict[str, Any], fee: int) -> None:
    """The fee of the event where it has one, else percentage plus fixed part."""
    services = after([charged(**fields)]).costs_by_service()
    assert services.get(fields.get("processor", "stripe"), 0) == fee


def test_unknown_processor_without_a_fee_counts_at_zero() -> None:
    ledger = MemoryLedger()
    ledger.record([decoded(charged(processor="another"))])
    assert ledger.calls["call-1"].charged_nano() == 4_990_000_000
    assert "another" not in ledger.calls["call-1"].costs_by_service()
    [row] = ledger.unpriced.values()
    assert (row.service, row.amount_nano, row.cost_nano) == ("another", 4_990_000_000, 0)


def test_each_changed_settlement_is_recorded() -> None:
    """From `call.settled` rows every total can be recomputed from the rows alone."""
    ledger = MemoryLedger()
    for plain in (started(), cost(), ended(), charged(), charged()):
        ledger.record([decoded(plain)])
    settled = [entry for entry in ledger.entries if entry.type == "call.settled"]
    assert [entry.event_id for entry in settled] == ["call-1/1", "call-1/3", "call-1/4"]
    assert [f'"defaultCharge":{DEFAULT_CHARGE}' in (entry.data or "") for entry in settled] == [
        False,
        True,
        False,
    ]
