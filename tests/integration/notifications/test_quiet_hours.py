"""During quiet hours only what is urgent is sent; the rest is sent after them, and nothing is lost."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.exact import Exact
from schemas.notices import ChannelKind
from tests.integration.notifications.test_kinds import low_balance
from tests.support import parts
from tests.support.api import served_from, token
from tests.support.logins import as_login
from tests.support.notifications import (
    alert,
    delivery_worker,
    until_ended,
    write_alerts,
    write_anomaly,
    write_channel,
    write_notice,
)
from tests.support.receivers import receiver
from tests.support.recording import fetch, until

PATH = "/api/costs/user/alice/channels"
KINDS: tuple[ChannelKind, ...] = ("alert", "anomaly", "low_balance")


def hours_around_now(zone: str, hours_from: int = -2, hours_to: int = 2) -> dict[str, Any]:
    now = datetime.now(UTC).astimezone(ZoneInfo(zone))
    clocks = [f"{now + timedelta(hours=hours):%H:%M}" for hours in (hours_from, hours_to)]
    return dict(zip(("start", "end"), clocks, strict=True))


async def change(url: str, channel: str, hours: dict[str, Any] | None) -> dict[str, Any]:
    async with served_from(url) as api:
        body = {"quietHours": hours}
        changed = await api.ask("PUT", f"{PATH}/{channel}", bearer=token(), body=body)
    assert changed.status == 200, changed.body
    data: dict[str, Any] = changed.data
    return data


async def test_urgent_messages_are_sent_at_once_and_others_after_the_quiet_hours(
    database_url: str,
) -> None:
    """The hours are in the time zone of the user; the process has only its own rights."""
    await fetch(
        database_url,
        "INSERT INTO user_budget_settings (user_id, timezone) VALUES ('alice', 'Asia/Kolkata')",
    )
    async with receiver() as endpoint:
        channel = await write_channel(database_url, endpoint.url, kinds=KINDS)
        hours = hours_around_now("Asia/Kolkata")
        assert (await change(database_url, channel, hours))["quietHours"] == hours | {
            "timezone": None
        }
        warning, reached = await write_alerts(
            database_url, alert(), alert(threshold_percent=Exact(Decimal(100)))
        )
        anomaly_id = await write_anomaly(database_url)
        await write_notice(
            database_url, low_balance(), low_balance(cause="zero")._replace(is_urgent=True)
        )
        async with delivery_worker(as_login(database_url, "notifications")):

            async def others_wait() -> bool:
                [row] = await fetch(
                    database_url,
                    """SELECT count(*) FILTER (WHERE state = 'delivered'),
                              count(*) FILTER (WHERE state = 'pending' AND deferred_until > now())
                         FROM notice_deliveries""",
                )
                return tuple(row) == (2, 3)

            await until(others_wait)
            assert reached in {one.json["data"].get("alertId") for one in endpoint.accepted}
            await change(database_url, channel, None)
            await until_ended(database_url, 5)
    sent = [request.json["data"] for request in endpoint.accepted]
    assert len(sent) == 5
    assert {data.get("alertId") for data in sent} >= {warning, reached}
    assert anomaly_id in {data.get("anomalyId") for data in sent}
    different = len({request.id for request in endpoint.accepted})
    parts.figures.append(
        f"quiet hours: raised 5, delivered {different}, repeated {len(sent) - different}, "
        f"missing {5 - different}"
    )


async def test_long_quiet_hours_make_no_message_too_old(database_url: str) -> None:
    """It may wait for nearly a day, after which messages are skipped as too old otherwise."""
    async with receiver() as endpoint:
        channel = await write_channel(database_url, endpoint.url, kinds=KINDS)
        await write_alerts(database_url, alert())
        await change(database_url, channel, hours_around_now("UTC"))
        async with delivery_worker(database_url):

            async def waits() -> bool:
                query = "SELECT deferred_until > now() FROM notice_deliveries"
                return [tuple(row) for row in await fetch(database_url, query)] == [(True,)]

            await until(waits)
            await fetch(
                database_url,
                """UPDATE budget_alerts SET triggered_at = now() - interval '30 hours'""",
            )
            passed = json.dumps(hours_around_now("UTC", -4, -2))
            await fetch(
                database_url,
                """WITH hours AS (UPDATE notice_channels SET quiet_hours = $1::text::jsonb)
                   UPDATE notice_deliveries
                      SET deferred_until = now(), next_attempt_at = now() WHERE state = 'pending'""",
                passed,
            )
            assert await until_ended(database_url, 1) == ["delivered"]
    assert len(endpoint.accepted) == 1


@pytest.mark.parametrize(
    ("hours", "named"),
    [
        ({"start": "22:00", "end": "22:00"}, "another time"),
        ({"start": "24:00", "end": "07:00"}, "start"),
        ({"start": "22:00"}, "end"),
        ({"start": "22:00", "end": "07:00", "timezone": "Berlin"}, "time zone"),
        ({"start": "22:00", "end": "07:00", "days": []}, "days"),
        ("night", "quietHours"),
    ],
)
async def test_invalid_quiet_hours_are_refused(database_url: str, hours: Any, named: str) -> None:
    channel = await write_channel(database_url, "https://example.com/")
    async with served_from(database_url) as api:
        body = {"quietHours": hours}
        refused = await api.ask("PUT", f"{PATH}/{channel}", bearer=token(), body=body)
        assert (refused.status, refused.code) == (400, "invalid_body")
        assert named in refused.json["error"]
        [kept] = (await api.get(PATH, "alice")).data["channels"]
        assert kept["quietHours"] is None
