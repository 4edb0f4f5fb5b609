"""Which calls are unusual: baselines, legs, messages; laws of the rules."""

from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.anomalies.baselines import baseline, median, precedent_count, spread
from ledger.anomalies.call_spikes import (
    CallHistory,
    CallSpike,
    CheckedCall,
    PastCall,
    call_spikes,
    minutes_of,
)
from ledger.anomalies.day_spikes import DaySpike
from ledger.anomalies.findings import Cause, anomaly_event, call_finding, day_finding, leg_finding
from ledger.anomalies.missing_legs import (
    certain_legs,
    missing_legs,
    needs_all_legs,
    present_legs,
    service_legs,
)
from schemas.anomalies import LEGS, Leg
from schemas.jsonio import encode
from tests.support.anomalies import NOW, USD, USUAL, ended_call, past
from tests.support.ledger_rows import CENT

SERVICES = ("twilio", "deepgram", "cerebras", "elevenlabs")
LEGS_OF = service_legs(
    [
        ("twilio", "outbound_call"),
        ("deepgram", "streaming_stt"),
        ("cerebras", "inference"),
        ("elevenlabs", "tts"),
        ("openai", "inference"),
        ("openai", "tts"),
        ("odd", "x"),
    ]
)
amounts = st.integers(0, 100 * USD)


def spikes(call: CheckedCall, history: CallHistory) -> list[CallSpike]:
    return list(call_spikes(call, SERVICES, history))


def expensive(nano: int) -> CheckedCall:
    return ended_call(costs={**USUAL, "elevenlabs": nano})


def test_baseline_uses_median_and_spread() -> None:
    assert median([5]) == 5
    assert median([4, 1, 100]) == 4
    assert median([1, 2, 4, 5]) == 3
    assert median([1, 2]) == 2  # half-even
    assert spread([10, 10, 10], 10) == 0
    assert spread([8, 9, 10, 11, 12], 10) == 2  # the upper tenth: 2 ÷ 1.2816
    assert baseline([100, 100, 100], 25) == (100, 25, 3)
    assert baseline([100, 100, 100], 25).score_hundredths(225) == 500
    assert baseline([100, 100, 100], 25).score_hundredths(90) == 0
    assert baseline([0, 0, 0], 25).score_hundredths(10**12) == 100_000
    assert precedent_count([75, 74, 100, 200], 100) == 3


@given(st.lists(amounts, min_size=10), amounts)
def test_outlier_changes_the_median_only_slightly(values: list[int], outlier: int) -> None:
    ordered = sorted(values)
    middle = len(ordered) // 2
    upper = ordered[middle + len(ordered) % 2]
    assert ordered[middle - 1] <= median([*values, outlier]) <= upper


def test_call_is_compared_with_own_calls_of_the_persona() -> None:
    [spike] = spikes(expensive(5 * USD), CallHistory(past(8)))
    assert spike.service == "elevenlabs"
    assert (spike.observed_nano, spike.expected_nano) == (5 * USD, USD // 2)
    assert (spike.minutes, spike.score_hundredths) == (5, 3_600)
    assert spike.compared.compared_with == "own_persona_calls"


def _short_calls_of_others(users: int) -> list[PastCall]:
    """Return calls that are too short to count, so their users do not count either."""
    return [call for n in range(users) for call in past(1, f"user-{n}", duration_ms=29_999)]


@pytest.mark.parametrize(
    ("history", "compared_with"),
    [
        (CallHistory(past(8)), "own_persona_calls"),
        (CallHistory(past(7)), None),
        (CallHistory(past(100, persona_id="maya")), None),
        (CallHistory((), [c for n in range(5) for c in past(4, f"user-{n}")]), "persona_calls"),
        (CallHistory((), [c for n in range(4) for c in past(5, f"user-{n}")]), None),
        (CallHistory((), [*past(20, "bob"), *_short_calls_of_others(4)]), None),
        (CallHistory(past(8, duration_ms=29_999)), None),
        (CallHistory(past(8, costs={"twilio": CENT})), None),
        (CallHistory(), None),
    ],
)
def test_comparison_group_depends_on_the_history(
    history: CallHistory, compared_with: str | None
) -> None:
    found = spikes(expensive(5 * USD), history)
    assert [one.compared.compared_with for one in found] == (
        [compared_with] if compared_with else []
    )


def test_anomaly_reveals_no_figure_of_another_user() -> None:
    """Rounding hides small differences from both the expected amount and the score."""
    shown = []
    for more in (0, 3_999_999):
        costs = {"elevenlabs": 5 * (121_000_000 + more), "twilio": CENT}
        others = [call for n in range(5) for call in past(4, f"user-{n}", costs=costs)]
        [spike] = spikes(expensive(5 * USD), CallHistory((), others))
        leg = leg_finding(
            ended_call(), "speech_synthesis", LEGS_OF, CallHistory((), others), NOW
        ).anomaly
        shown.append((spike.expected_nano, spike.score_hundredths, leg.expected_usd))
    assert shown[0] == shown[1]
    assert shown[0][0] == 5 * 120_000_000


def test_small_amounts_and_repeated_costs_are_not_a_spike() -> None:
    cheap = {"cerebras": CENT // 10}
    call = ended_call(costs={"cerebras": 24 * CENT})
    assert not spikes(call, CallHistory(past(costs=cheap)))
    assert spikes(ended_call(costs={"cerebras": 30 * CENT}), CallHistory(past(costs=cheap)))
    with_precedents = [*past(30), *past(3, costs={"elevenlabs": 4 * USD})]
    assert not spikes(expensive(5 * USD), CallHistory(with_precedents))
    assert spikes(expensive(5 * USD), CallHistory(with_precedents[:-1]))


def test_each_started_minute_counts() -> None:
    assert [minutes_of(ms) for ms in (0, 1, 60_000, 60_001)] == [1, 1, 1, 2]
    short = ended_call(duration_ms=61_000, costs={"twilio": 2 * 140 * CENT})
    assert not spikes(short, CallHistory(past(duration_ms=600_000, costs={"twilio": 1_400 * CENT})))


calls = st.lists(st.integers(1, 5 * USD), min_size=8, max_size=40)


@given(calls, st.randoms(use_true_random=False), st.integers(1, 50 * USD))
def test_order_of_the_history_does_not_matter(
    costs: list[int], random: Random, observed: int
) -> None:
    own = [past(1, costs={"elevenlabs": nano})[0] for nano in costs]
    mixed = own.copy()
    random.shuffle(mixed)
    one, other = (spikes(expensive(observed), CallHistory(each)) for each in (own, mixed))
    assert [each[:5] for each in one] == [each[:5] for each in other]


@given(
    st.lists(st.integers(50, 100), min_size=8, max_size=40),
    st.integers(20, 50),
    st.integers(2, 1_000),
)
def test_score_of_a_call_does_not_depend_on_scale(costs: list[int], times: int, scale: int) -> None:
    def score(unit: int) -> list[int]:
        own = [past(1, costs={"elevenlabs": 5 * nano * unit})[0] for nano in costs]
        call = expensive(5 * median(costs) * times * unit)
        return [spike.score_hundredths for spike in spikes(call, CallHistory(own))]

    small, large = score(CENT), score(CENT * scale)
    assert small
    # Typical values are whole nano-dollars, so remainders matter more for small ones.
    assert all(abs(one - other) <= 1 for one, other in zip(small, large, strict=True))


@given(st.integers(1, 10 * USD), st.integers(8, 60))
def test_constant_history_has_no_spike(nano: int, number: int) -> None:
    own = past(number, costs={"elevenlabs": nano})
    assert not spikes(ended_call(costs={"elevenlabs": nano}), CallHistory(own))


@given(calls, st.integers(1, 50 * USD), st.integers(1, 50 * USD))
def test_higher_cost_is_never_less_of_a_spike(costs: list[int], observed: int, more: int) -> None:
    own = CallHistory([past(1, costs={"elevenlabs": nano})[0] for nano in costs])
    if spikes(expensive(observed), own):
        assert spikes(expensive(observed + more), own)


@pytest.mark.parametrize(
    ("changes", "finished"),
    [
        ({}, True),
        ({"status": "terminated"}, True),
        ({"status": "failed"}, False),
        ({"duration_ms": 29_999}, False),
        ({"status": "active", "charged": True, "duration_ms": 0}, True),
        ({"status": "active", "charged": False}, False),
    ],
)
def test_ended_calls_of_some_length_need_all_legs(
    changes: dict[str, object], finished: bool
) -> None:
    assert needs_all_legs(ended_call(**changes)) is finished


def test_services_and_operations_identify_legs() -> None:
    assert certain_legs(ended_call(), LEGS_OF) == set(LEGS)
    assert certain_legs(ended_call(costs={"openai": 1, "odd": 1, "twilio": 0}), LEGS_OF) == set()
    assert present_legs([("openai", "tts"), ("new", "inbound_call")], LEGS_OF) == {
        "speech_synthesis",
        "telephony",
    }
    assert present_legs([("deepgram", "a_new_name"), ("openai", "a_new_name")], LEGS_OF) == {
        "speech_recognition"
    }
    assert missing_legs(LEGS, {"inference"}) == [
        "telephony",
        "speech_recognition",
        "speech_synthesis",
    ]
    only: list[Leg] = ["inference"]
    assert missing_legs(only, ()) == ["inference"]


texts = st.text(min_size=1, max_size=8)
causes = st.builds(Cause, texts, st.sampled_from(["call_spike", "day_spike"]), texts, texts)


@given(causes, causes)
def test_each_cause_has_its_own_stable_id(one: Cause, other: Cause) -> None:
    assume("\0" not in "".join((*one, *other)))
    assert (one.anomaly_id == other.anomaly_id) == (one == other)


def test_messages_have_the_documented_wording() -> None:
    [spike] = spikes(expensive(5 * USD), CallHistory(past(8)))
    result = call_finding(ended_call(), spike, NOW).anomaly
    assert result.message == (
        "ElevenLabs cost $1.00 per minute in this call, 10\N{MULTIPLICATION SIGN} the usual $0.10 "
        "in earlier calls with this persona."
    )
    day_spike = DaySpike("tts", 12_345_678_901, 2_000_000_000, 712, 56, "tts")
    assert day_finding("alice", date(2026, 3, 15), day_spike, NOW).anomaly.message == (
        "Tts cost $12.35 on March 15, 2026 (UTC), 6.2\N{MULTIPLICATION SIGN} the usual $2.00 for a "
        "Sunday."
    )
    without_usual_cost = day_spike._replace(expected_nano=0)
    assert "instead of the usual $0.00 for a Sunday" in (
        day_finding("alice", date(2026, 3, 15), without_usual_cost, NOW).anomaly.message
    )
    leg: Leg = "telephony"
    active = ended_call(status="active")
    assert leg_finding(active, leg, LEGS_OF, CallHistory(past()), NOW).anomaly.message == (
        "No telephony cost was recorded for this charged call."
    )
    short = leg_finding(ended_call(duration_ms=1), leg, LEGS_OF, CallHistory(past(7)), NOW).anomaly
    assert short.message == "No telephony cost was recorded for this completed 1-minute call."
    assert (short.expected_usd, short.compared_with, short.compared_count) == (None, None, 0)
    others = [call for n in range(5) for call in past(4, f"user-{n}")]
    usual_leg = leg_finding(ended_call(), leg, LEGS_OF, CallHistory((), others), NOW).anomaly
    assert (usual_leg.compared_with, usual_leg.compared_count) == ("persona_calls", 20)


def test_published_anomaly_has_all_fields() -> None:
    spike = DaySpike(None, 9 * USD, USD, 712, 56, "tts")
    event = anomaly_event(day_finding("alice", date(2026, 3, 15), spike, NOW).anomaly)
    assert (event.type, event.source) == ("cost.anomaly.detected", "/cost-analytics/anomalies")
    assert event.id == event.data.anomaly_id  # type: ignore[union-attr]
    assert event.time == NOW == datetime(2026, 3, 15, 12, tzinfo=UTC)
    assert Decimal("7.12") == event.data.score.value  # type: ignore[union-attr]
    assert b'"score":7.12' in encode(event)
