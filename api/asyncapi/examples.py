"""Examples of messages: one call of a user, from its start to the alert that it raised."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from schemas.alerts import SOURCE, Driver, PublishedAlert
from schemas.anomalies import ANOMALY_SOURCE, PublishedAnomaly
from schemas.crossings import Crossing
from schemas.deliveries import DeliveryRecord
from schemas.exact import Exact
from schemas.jsonio import encode
from schemas.money import NANO_PER_USD, Usd
from schemas.people import ErasedUserRecord, RewrittenFileRecord
from schemas.published import BudgetAlertEvent, CostAnomalyEvent
from schemas.totals import CallTotal

START: Final = datetime(2026, 11, 19, 14, 0, 2, tzinfo=UTC)
DAY: Final = START.replace(hour=0, second=0)
CALL: Final = "call-7f3a"
USER: Final = "alice"
_PERSONA: Final = "persona-sales"
ALERT_ID: Final = "0193446a-5d1e-7c3a-9a52-6f0e4b7d1c90"
_ANOMALY_ID: Final = "0193446a-5d1e-7c3a-9a52-6f0e4b7d1c92"
_CHANNEL_ID: Final = "0193446a-5d1e-7c3a-9a52-6f0e4b7d1c93"
_DELIVERY_ID: Final = "0193446a-5d1e-7c3a-9a52-6f0e4b7d1c94"


def usd(text: str) -> Usd:
    """Return an amount."""
    return Usd(int(Decimal(text) * NANO_PER_USD))


def after(seconds: int) -> datetime:
    """Return the time `seconds` after the start of the call."""
    return START + timedelta(seconds=seconds)


def as_json(body: object) -> Any:
    """Return a message as decoded JSON."""
    return msgspec.json.decode(encode(body))


DATA: Final[dict[str, dict[str, Any]]] = {
    "call.started": {
        "callId": CALL,
        "userId": USER,
        "personaId": _PERSONA,
        "direction": "outbound",
        "expectedDuration_seconds": 300,
        "tags": {"campaign": "autumn"},
    },
    "call.updated": {
        "callId": CALL,
        "userId": USER,
        "provider": "vapi",
        "providerCallId": "f1c2",
        "controlUrl": "https://example.com/control/f1c2",
    },
    "cost.recorded": {
        "callId": CALL,
        "service": "openai",
        "operation": "chat_completion",
        "model": "gpt-4.1-mini",
        "usages": [
            {"unit": "input_tokens", "quantity": 900},
            {"unit": "cached_input_tokens", "quantity": 1200},
            {"unit": "output_tokens", "quantity": 140},
        ],
    },
    "cost.voided": {
        "callId": CALL,
        "voids": {"source": "/voice-pipeline", "id": "cost-17"},
        "reason": "The vendor repeated the request.",
    },
    "call.charged": {"callId": CALL, "amount": 4.99, "fee": 0.44, "processor": "stripe"},
    "call.refunded": {"callId": CALL, "amount": 1.5},
    "call.ended": {"callId": CALL, "status": "completed", "duration_seconds": 312.5},
    "credit.granted": {"userId": USER, "amount": 50, "priority": 100, "note": "Invoice 7731"},
    "credit.voided": {
        "userId": USER,
        "voids": {"source": "/billing", "id": "top-up-7731"},
        "reason": "Paid twice",
    },
}
"""The `data` of each event type."""


def structured(event_type: str) -> dict[str, Any]:
    """Return an event of a type in structured mode."""
    return {**attributes(event_type), "data": DATA[event_type]}


def attributes(event_type: str) -> dict[str, str]:
    """Return the CloudEvents attributes of an event."""
    return {
        "specversion": "1.0",
        "id": "0193446a-5d1e-7c3a-9a52-6f0e4b7d1c8f",
        "source": "/voice-pipeline",
        "type": event_type,
        "time": "2026-11-19T14:00:02Z",
        "subject": USER if event_type.startswith("credit.") else CALL,
    }


CALL_TOTAL: Final = as_json(
    CallTotal(
        call_id=CALL,
        user_id=USER,
        persona_id=_PERSONA,
        status="completed",
        direction="outbound",
        started_at=START,
        ended_at=after(312),
        duration_seconds=Decimal("312.5"),
        expected_duration_seconds=Decimal(300),
        total_cost=usd("0.673"),
        cost_by_service={"twilio": usd("0.073"), "openai": usd("0.6")},
        charged_to_user=usd("4.99"),
        refunded=usd("0"),
        estimated=False,
        version=4194312,
        updated_at=after(313),
        tags={"campaign": "autumn"},
    )
)
ALERT: Final = PublishedAlert(
    alert_id=ALERT_ID,
    user_id=USER,
    type="daily",
    threshold_percent=Exact(80),
    limit_usd=usd("60"),
    current_spend=usd("49.9"),
    remaining=usd("10.1"),
    message="80 % of the daily limit of $60.00 is reached.",
    triggered_at=after(313),
    period="2026-11-19",
    period_start=DAY,
    period_end=DAY + timedelta(days=1),
    call_id=None,
    crossed_by=Crossing(source="/voice-pipeline", id="end-7f3a", service=None),
    limit_version=3,
    basis="charged",
    late=False,
    drivers=[Driver(service="openai", cost=usd("0.6"), share_percent=Exact(Decimal("89.15")))],
    spent_last_hour=usd("4.99"),
    event_time=after(312),
    committed_at=after(313),
    published_at=after(314),
)
BUDGET_ALERT: Final = as_json(
    BudgetAlertEvent(
        id=ALERT_ID,
        source=SOURCE,
        subject=USER,
        time=after(313),
        specversion="1.0",
        datacontenttype="application/json",
        data=ALERT,
    )
)
COST_ANOMALY: Final = as_json(
    CostAnomalyEvent(
        id=_ANOMALY_ID,
        source=ANOMALY_SOURCE,
        subject=USER,
        time=after(400),
        specversion="1.0",
        datacontenttype="application/json",
        data=PublishedAnomaly(
            anomaly_id=_ANOMALY_ID,
            user_id=USER,
            kind="call_spike",
            service="openai",
            leg=None,
            call_id=CALL,
            day=date(2026, 11, 19),
            observed_usd=usd("6.2"),
            expected_usd=usd("0.6"),
            score=Exact(Decimal("11.4")),
            compared_with="own_persona_calls",
            compared_count=42,
            message="openai cost $6.20, 10.3 times the usual $0.60.",
            occurred_at=after(312),
            detected_at=after(400),
            committed_at=after(400),
            published_at=after(401),
        ),
    )
)
DELIVERY: Final = as_json(
    DeliveryRecord(
        delivery_id=_DELIVERY_ID,
        channel_id=_CHANNEL_ID,
        user_id=USER,
        kind="alert",
        subject_id=ALERT_ID,
        created_at=after(313),
        delivered_at=after(315),
    )
)
ERASED_USER: Final = as_json(
    ErasedUserRecord("00" * 32, "5f" * 32, "erased-3f9a1c52b07de846", after(900))
)
REWRITTEN_FILE: Final = as_json(
    RewrittenFileRecord(
        "call_cost_events_2026_01.1.0a1b2c3d4e5f.parquet",
        "call_cost_events_2026_01.1.5f4e3d2c1b0a.parquet",
        "{}",
        ["erased-3f9a1c52b07de846"],
    )
)
