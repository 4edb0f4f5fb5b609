"""Every page in light and dark mode and on a phone: accessible, and within its width.

`make screenshots` runs this with SCREENSHOTS=docs/screenshots and keeps the pictures.
"""

import json
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from devkit.simulation.cast import DEMO_USER
from devkit.simulation.planning import SimulationRequest, plan_for
from devkit.simulation.timeline import timeline
from tests.browser.anomalies import check_for_anomalies
from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.events import cost, ended, started
from tests.support.notifications import write_channel
from tests.support.product_processes import Product
from tests.support.recording import until
from tests.support.streaming import SentRecord

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

KEPT = os.environ.get("SCREENSHOTS")
DAYS = 30 if KEPT else 3
LIVE_SECONDS = 45 if KEPT else 2
APPEARANCES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 860}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 860}},
    "phone": {
        "color_scheme": "light",
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
    },
}
PAGES = ["sign-in", "now", "spending", "outlook", "call", "budget", "everyone", "prices", "docs"]
FOR_ADMINS = {"everyone", "prices"}
LONG = {"spending", "outlook", "call", "prices", "docs"}
"""The pictures of these pages show the part that is visible without scrolling."""
CALLS = f"/api/costs/user/{DEMO_USER}/calls"
ODD_CALL = "01a2041c-5b1e-7d30-9c44-7f0e5a9b2c11"
"""In this order: the first pictures need a browser that is not signed in."""


def of_day(days_ago: int) -> list[SentRecord]:
    """Return the events of some simulated calls on one day."""
    start = datetime.now(UTC).replace(hour=8, minute=0) - timedelta(days=days_ago)
    calls = 14 + (days_ago * 5) % 11
    request = SimulationRequest(
        users=4, calls=calls, rate=0, seed=days_ago, start_ms=round(start.timestamp() * 1_000)
    )
    plan = plan_for(request, time.time_ns() // 1_000_000)
    return [SentRecord(one.value, one.key) for one in timeline(plan)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product_with_history(product: Product) -> AsyncIterator[Product]:
    """The product with some days of calls, active calls, a budget nearly spent, and channels."""
    body = b'{"dailyLimit_usd": 40, "monthlyLimit_usd": 4000, "thresholds": [50], "maxCostPerCall_usd": 25}'
    await product.put(f"/api/costs/user/{DEMO_USER}/budget", body, DEMO_USER)
    database, web = product.pipeline.database_url, "https://example.com/alerts"
    await write_channel(database, "demo@example.com", user_id=DEMO_USER, kind="email")
    await write_channel(database, web, user_id=DEMO_USER, state="unverified")
    for days_ago in range(DAYS, 0, -1):
        await product.send(*of_day(days_ago))
    await change_prices(product)
    await add_anomalies(product)
    product.simulate()
    yield product


async def add_anomalies(product: Product) -> None:
    """Make a call of yesterday far more expensive than others, without telephony."""
    at = {"time": datetime.now(UTC) - timedelta(hours=20)}
    speech = {"service": "elevenlabs", "operation": "tts", "unit": "characters", "usage": 9_000}
    inference = {"service": "cerebras", "operation": "inference", "unit": "tokens", "usage": 10}
    recognition = {"service": "deepgram", "operation": "streaming_stt", "usage": 3}
    await product.send(
        started(ODD_CALL, DEMO_USER, persona="brad_001", **at),
        *(
            cost(ODD_CALL, DEMO_USER, totalCost=usd, **one, **at)
            for one, usd in ((speech, "9.50"), (inference, "0.01"), (recognition, "0.02"))
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
        await product.ask("POST", "/api/admin/prices", body, "admin", "admin")


async def open_and_wait(page: Page, name: str) -> None:
    """Go to a page and wait for its content."""
    if name == "sign-in":
        await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    elif name == "now":
        calls = page.get_by_role("list", name="Active calls").get_by_role("link")
        await expect(calls.first).to_be_visible()
        await page.wait_for_timeout(LIVE_SECONDS * 1_000)
    elif name == "call":
        await page.goto("/spending")
        table = page.get_by_role("region", name="Calls in this period")
        await table.get_by_role("row", name="$4.99").first.get_by_role("link").click()
        await expect(page.get_by_role("img", name="Cost of the call")).to_be_visible()
    elif name == "outlook":
        await expect(page.get_by_role("img", name="Running total of cost")).to_be_visible()
        await expect(page.get_by_role("list", name="Savings")).to_be_visible()
        await expect(page.get_by_text("Missing telephony cost").first).to_be_visible()
    elif name == "prices":
        await expect(page.get_by_role("region", name="Prices", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Preview").click()
        await expect(page.get_by_role("region", name="Changes by service")).to_be_visible()
    elif name == "docs":
        await page.get_by_text("Get a user's spending").click()
        await expect(page.get_by_role("region", name="Shell command")).to_be_visible()
    elif name == "budget":
        await expect(page.get_by_role("meter").first).to_be_visible()
        await expect(page.get_by_text("demo@example.com", exact=True)).to_be_visible()
    else:
        await expect(page.get_by_role("img", name="Daily cost")).to_be_visible()


@pytest.mark.parametrize("appearance", APPEARANCES)
@pytest.mark.parametrize("name", PAGES)
async def test_page_fits_its_screen_and_is_accessible(
    open_page: Open, product_with_history: Product, tmp_path: Path, name: str, appearance: str
) -> None:
    path = {"sign-in": "/", "now": "/", "call": "/spending"}.get(name, f"/{name}")
    who = None if name == "sign-in" else "admin" if name in FOR_ADMINS else DEMO_USER
    role = "admin" if name in FOR_ADMINS else "user"
    async with open_page(path, who, role=role, **APPEARANCES[appearance]) as page:
        await open_and_wait(page, name)
        # Not `innerWidth`: mobile browsers enlarge it to the width of the content.
        across = await page.evaluate("document.documentElement.scrollWidth")
        wide = across - APPEARANCES[appearance]["viewport"]["width"]
        assert wide <= 0, f"{wide} pixels stick out"
        assert not await faults(page)
        folder = Path(KEPT) if KEPT else tmp_path
        folder.mkdir(exist_ok=True)
        picture = folder / f"{name}-{appearance}.png"
        await page.evaluate("scrollTo(0, 0)")
        await page.mouse.move(0, 0)
        await page.screenshot(path=picture, full_page=name not in LONG)
        assert picture.stat().st_size > 5_000
