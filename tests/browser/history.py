"""A history of calls, with all that the pages of the dashboard show."""

import json
import os
import time
from datetime import UTC, datetime, timedelta

from devkit.simulation.participants import DEMO_USER
from devkit.simulation.planning import SimulationRequest, plan_for
from devkit.simulation.timeline import timeline
from tests.browser.anomalies import check_for_anomalies
from tests.browser.commands import write_commands
from tests.support.events import cost, ended, granted, started
from tests.support.notifications import write_channel
from tests.support.product_processes import Product
from tests.support.recording import until
from tests.support.streaming import SentRecord

DAYS = 30 if os.environ.get("SCREENSHOTS") else 3
CALLS = f"/api/costs/user/{DEMO_USER}/calls"
ODD_CALL = "01a2041c-5b1e-7d30-9c44-7f0e5a9b2c11"


def of_day(days_ago: int) -> list[SentRecord]:
    """Return the events of some simulated calls on one day."""
    start = datetime.now(UTC).replace(hour=8, minute=0) - timedelta(days=days_ago)
    calls = 14 + (days_ago * 5) % 11
    request = SimulationRequest(
        users=4, calls=calls, rate=0, seed=days_ago, start_ms=round(start.timestamp() * 1_000)
    )
    plan = plan_for(request, time.time_ns() // 1_000_000)
    return [SentRecord(one.value, one.key) for one in timeline(plan)]


async def write_history(product: Product) -> None:
    """Write some days of calls, a budget nearly spent, channels, prices, anomalies and commands.

    Then calls are simulated for as long as the product runs.
    """
    body = b'{"dailyLimit_usd": 40, "monthlyLimit_usd": 4000, "thresholds": [50], "maxCostPerCall_usd": 25}'
    await product.put(f"/api/costs/user/{DEMO_USER}/budget", body, DEMO_USER)
    database, web = product.pipeline.database_url, "https://example.com/alerts"
    await write_channel(database, "demo@example.com", user_id=DEMO_USER, kind="email")
    await write_channel(database, web, user_id=DEMO_USER, state="unverified")
    await add_credit_and_budget(product)
    for days_ago in range(DAYS, 0, -1):
        await product.send(*of_day(days_ago))
    await change_prices(product)
    await add_anomalies(product)
    await write_commands(product)
    product.simulate()


async def add_credit_and_budget(product: Product) -> None:
    """Grant prepaid credit, some of it used up, and limit a persona by week."""
    at = datetime.now(UTC) - timedelta(days=DAYS + 1)
    await product.send(
        granted(DEMO_USER, amount=25, priority=10, time=at, note="Welcome credit"),
        granted(DEMO_USER, amount=9_500, time=at, note="Invoice 7731"),
    )
    scope = {"kind": "persona", "value": "brad_001"}
    body = json.dumps({"scope": scope, "period": "week", "limit_usd": 900}).encode()
    await product.ask("POST", f"/api/costs/user/{DEMO_USER}/budgets", body, DEMO_USER)


async def add_anomalies(product: Product) -> None:
    """Make a call of yesterday far more expensive than others, without telephony."""
    at = {"time": datetime.now(UTC) - timedelta(hours=20)}
    speech = {"service": "elevenlabs", "operation": "tts", "unit": "characters", "usage": 9_000}
    inference = {"service": "cerebras", "operation": "inference", "unit": "tokens", "usage": 10}
    recognition = {"service": "deepgram", "operation": "streaming_stt", "usage": 3}
    await product.send(
        started(ODD_CALL, DEMO_USER, persona="brad_001", **at),
        *(
            cost(ODD_CALL, DEMO_USER, totalCost=usd, **service, **at)
            for service, usd in ((speech, "9.50"), (inference, "0.01"), (recognition, "0.02"))
        ),
        ended(ODD_CALL, DEMO_USER, **at),
    )

    async def is_recorded() -> bool:
        listed = await product.ask("GET", f"{CALLS}?status=completed", None, DEMO_USER)
        return any(one["callId"] == ODD_CALL for one in listed["calls"])

    await until(is_recorded)
    listed = await product.ask("GET", f"{CALLS}?limit=100", None, DEMO_USER)
    await check_for_anomalies(
        product.pipeline.database_url, [one["callId"] for one in listed["calls"]]
    )


async def change_prices(product: Product) -> None:
    """Propose two prices, and enter one that is late for some recorded costs."""
    late = datetime.now(UTC) - timedelta(days=2)
    for service, operation, model, unit, per, usd in (
        ("elevenlabs", "tts", "eleven_turbo_v2_5", "characters", 1_000, "0.22"),
        ("cerebras", "inference", "llama3.1-70b", "tokens", 1_000_000, "0.30"),
        ("twilio", "outbound_call", "*", "minutes", 1, "0.015"),
    ):
        entry = {
            "service": service,
            "operation": operation,
            "model": model,
            "unit": unit,
            "perUnits": per,
            "price_usd": usd,
            "effectiveFrom": late.isoformat(),
            "source": "contract of 2026",
        }
        body = json.dumps(entry).encode()
        await product.ask("POST", "/api/admin/prices", body, "dana", "admin")
