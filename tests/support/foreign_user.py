"""A user whose data is recognized in any answer: every text and amount is a marker."""

from datetime import UTC, datetime, timedelta

from schemas.anomalies import Anomaly
from schemas.jsonio import encode
from schemas.money import Usd
from tests.support.alerting import an_alert
from tests.support.ledger_rows import LiveCallRow, rows

USER, CALL, CHANNEL, EVENT = "victor", "call-of-victor", "marker@victor.example", "marker-event"
ANOMALY = "0f1d1b1e-93f5-44a1-9fd1-6c1bb0f1e4a2"
NANO = 7_654_321_987
MARKERS = (b"marker", b"7.654321987", b"7654321987", CHANNEL.encode())
"""No request of a test contains any of these."""

CREDIT_TABLES = ("credit_events", "credit_returns", "balance_alerts", "balance_ending_alerts")
CREDIT_OF_USER = (
    """INSERT INTO credit_events (identity, source, event_id, type, time, user_id, amount_nano, starts_at,
                                  ends_at, reason)
       VALUES (gen_random_uuid(), 'marker', 'marker', 'credit.granted', now(), $1, 7654321987, now(),
               now() + interval '1 day', 'marker')""",
    "INSERT INTO credit_returns VALUES ($1, now(), 'marker', 7654321987)",
    """INSERT INTO balance_alerts
       VALUES (gen_random_uuid(), $1, 7654321987, gen_random_uuid(), now(),
               '{"alertId": "marker", "userId": "marker", "threshold_usd": 7.654321987, "balance_usd": 1,
                 "chargedPerDay_usd": 1, "lastsUntil": null, "message": "marker",
                 "triggeredAt": "2026-11-30T12:00:00Z", "grantId": "marker"}')""",
    """INSERT INTO balance_ending_alerts
       VALUES (gen_random_uuid(), $1, now(),
               '{"alertId": "marker", "userId": "marker", "thresholdDays": 3, "balance_usd": 7.654321987,
                 "chargedPerDay_usd": 1, "lastsUntil": "2026-12-01T12:00:00Z", "message": "marker",
                 "triggeredAt": "2026-11-30T12:00:00Z"}')""",
)
COMMAND_TABLES = ("call_cutoffs", "call_commands", "call_command_attempts")
HIDDEN_TABLES = ("cost_reservations", "scope_spend", "call_cutoffs", "call_command_attempts")
"""Tables that reports never read."""
COMMANDS_OF_USER = (
    """INSERT INTO call_cutoffs (call_id, limit_version, command_id, user_id, requested_at)
       VALUES ('call-of-' || $1, 1, gen_random_uuid(), $1, now())""",
    """INSERT INTO call_commands (command_id, call_id, user_id, kind, cause, reason, payload, requested_at)
       VALUES (gen_random_uuid(), 'call-of-' || $1, $1, 'cutoff', 'limit', 'marker', '{"marker":1}', now())""",
    """INSERT INTO call_command_attempts (command_id, number, user_id, at, error)
       SELECT command_id, 1, user_id, now(), 'marker' FROM call_commands WHERE user_id = $1""",
)
"""A request, its command and an attempt, of the user $1."""
TABLES_OF_ROWS = (*COMMAND_TABLES, *CREDIT_TABLES)
ROWS_OF_USER = (*COMMANDS_OF_USER, *CREDIT_OF_USER)
"""Rows of these tables, for tests of what users see."""
_ROWS = (
    """INSERT INTO user_budget_settings (user_id, daily_limit_nano, monthly_limit_nano, call_limit_nano,
                                         credit_review_at, low_balance_nano, budgets)
       VALUES ($1, $2, $2, $2, 'infinity', ARRAY[$2::bigint], jsonb_build_array(jsonb_build_object(
           'budgetId', 'marker-budget', 'dimension', 'persona', 'value', 'marker-persona', 'period', 'daily',
           'limitNano', $2, 'version', 1, 'thresholds', NULL, 'autoCutoff', true, 'raised', NULL,
           'countsFrom', now(), 'createdAt', now())))""",
    """INSERT INTO scope_spend (user_id, dimension, value, quarter, cost_nano, charged_nano, refunded_nano)
       VALUES ($1, 'persona', 'marker-persona', quarter_hour(now()), $2, $2, $2)""",
    """INSERT INTO budget_holds (user_id, call_id, spend_nano, expires_at)
       VALUES ($1, 'call-of-victor', $2, now() + interval '1 hour')""",
    """INSERT INTO cost_reservations (user_id, call_id, identity, amount_nano, expires_at)
       VALUES ($1, 'call-of-victor', gen_random_uuid(), $2, now() + interval '1 hour')""",
    """INSERT INTO notice_channels (user_id, type, address)
       SELECT $1, 'email', 'marker@victor.example' WHERE $2::bigint > 0""",
)
_ANOMALY = """
    INSERT INTO cost_anomalies (anomaly_id, user_id, kind, subject, part, day, observed_nano,
                                detected_at, data)
    VALUES ($4, $1, 'missing_leg', 'marker', 'telephony', $2, 1, now(), $3)
"""
_DISMISSAL = """
    INSERT INTO anomaly_dismissals (anomaly_id, user_id, reason, dismissed_by)
    VALUES ($1, $2, 'marker', 'marker')
"""
_ALERT = """
    INSERT INTO budget_alerts (alert_id, user_id, type, period, threshold_percent, limit_version,
                               late, triggered_at, data)
    VALUES (gen_random_uuid(), $1, 'daily', 'marker', 80, 1, false, now(), $2)
"""


async def write_foreign_user(database_url: str) -> None:
    """Write calls, events, limits, alerts, anomalies and channels of the user."""
    at = datetime.now(UTC).replace(microsecond=0)
    async with rows(database_url) as ledger:
        for number, name in enumerate((CALL, "marker-call")):
            call = LiveCallRow(
                call_id=name,
                user_id=USER,
                at=at - timedelta(minutes=number),
                persona_id="marker-persona",
                status="active",
                costs={"twilio": NANO},
                charged=NANO,
                tags={"campaign": "marker-tag"},
            )
            await ledger.call(call)
            await ledger.event(
                call,
                service="twilio",
                operation="marker",
                usage=1,
                unit="minutes",
                cost_nano=NANO,
                data='{"marker": 1}',
                tags='{"campaign":"marker-tag"}',
            )
        for statement in ROWS_OF_USER:
            await ledger.connection.execute(statement, USER)
        for statement in _ROWS:
            await ledger.connection.execute(statement, USER, NANO)
        alert = encode(an_alert(USER)).decode().replace("call-1", "marker")
        await ledger.connection.execute(_ALERT, USER, alert)
        anomaly = encode(_anomaly(at)).decode()
        await ledger.connection.execute(_ANOMALY, USER, at.date(), anomaly, ANOMALY)
        await ledger.connection.execute(_DISMISSAL, ANOMALY, USER)


def _anomaly(at: datetime) -> Anomaly:
    return Anomaly(
        anomaly_id="marker",
        user_id=USER,
        kind="missing_leg",
        service=None,
        leg="telephony",
        call_id="marker-call",
        day=at.date(),
        observed_usd=Usd(NANO),
        expected_usd=None,
        score=None,
        compared_with=None,
        compared_count=0,
        message="marker",
        occurred_at=at,
        detected_at=at,
    )


def shows_foreign_data(body: bytes) -> bool:
    """Return whether an answer has data of the user that its request did not contain."""
    return any(marker in body for marker in MARKERS)
