"""The documented JavaScript of the product, unchanged: its service with axios, its component."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support import parts
from tests.support.api import ApiClient, served_from, token
from tests.support.house import ROOT
from tests.support.ledger_rows import LiveCallRow, rows

SEED = Path(__file__).parent / "seed"
INSTALLED = ROOT / ".local" / "seed"
INSTALL_SECONDS_MAX = 100
RUN_SECONDS_MAX = 30


@pytest.fixture(scope="session")
def seed() -> Path:
    """The scripts with their packages, installed once from the lock file."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            parts.skip_without("Node.js", f"{program} is not installed")
    lock = (SEED / "package-lock.json").read_text()
    installed = INSTALLED / "package-lock.json"
    is_there = installed.exists() and installed.read_text() == lock
    shutil.copytree(SEED, INSTALLED, dirs_exist_ok=True)
    if not is_there or not (INSTALLED / "node_modules" / "axios").exists():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        done = subprocess.run(
            command,
            check=False,
            cwd=INSTALLED,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS_MAX,
        )
        if done.returncode:
            shutil.rmtree(INSTALLED)
            parts.skip_without("axios", f"npm ci failed: {done.stderr.strip()[-200:]}")
    return INSTALLED


@pytest.fixture
async def written(database_url: str) -> str:
    """Twelve calls of alice this month, one of bob, and limits of alice."""
    now = datetime.now(UTC)
    async with rows(database_url) as ledger:
        for number in range(12):
            await ledger.call(LiveCallRow(call_id=f"call-{number}", user_id="alice", at=now))
        await ledger.call(LiveCallRow(call_id="call-of-bob", user_id="bob", at=now))
        await ledger.connection.execute(
            "INSERT INTO user_budget_settings VALUES ('alice', 10000000000, 70000000000, 80)"
        )
    return database_url


async def run(seed: Path, api: ApiClient, **values: str) -> dict[str, Any]:
    """Run the service for alice and return its result."""
    environment = {
        "PATH": str(Path(shutil.which("node") or "").parent),
        "API": f"http://127.0.0.1:{api.port}",
        "TOKEN": token("alice"),
        **values,
    }
    process = await asyncio.create_subprocess_exec(
        "node", "--import", "./resolve.mjs", "run.mjs", "alice", "call-3", "call-of-bob",
        cwd=seed, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(RUN_SECONDS_MAX):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    responses: dict[str, Any] = json.loads(out)
    return responses


def as_javascript(body: Mapping[str, Any]) -> Any:
    """Return a body with JavaScript numbers instead of exact ones."""
    text = json.dumps(body, default=lambda number: float(number) if isinstance(number, Decimal) else number)  # fmt: skip
    return json.loads(text)


async def test_service_returns_the_documented_bodies(seed: Path, written: str) -> None:
    async with served_from(written) as api:
        responses = await run(seed, api)
        for name, path in {
            "spending": "/api/costs/user/alice/spending?period=30d",
            "week": "/api/costs/user/alice/spending?period=7d",
            "call": "/api/costs/call/call-3",
            "budget": "/api/costs/user/alice/budget",
        }.items():
            assert responses[name] == as_javascript((await api.get(path, "alice")).json), name
    spending = responses["spending"]["data"]
    assert (spending["totalCalls"], spending["totalCharged"]) == (12, 59.88)
    assert spending["totalCost"] == 10.8
    assert responses["call"]["data"]["chargedToUser"] == 4.99
    assert responses["refused"]["status"] == 403
    assert responses["refused"]["data"]["code"] == "forbidden"


async def test_component_polls_and_shows_its_alert(seed: Path, written: str) -> None:
    async with served_from(written) as api:
        responses = await run(seed, api, UNWRAP="1")
    assert responses["before"] is None
    assert len(responses["polls"]) == 3
    for budget in responses["polls"]:
        assert budget["alertTriggered"] is True
        assert budget["currentMonthlySpend"] == 59.88
        assert budget["monthlyLimit_usd"] == 70
