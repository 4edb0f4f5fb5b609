"""The published TypeScript client in Node, against the product."""

import asyncio
import json
import subprocess
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from devkit.embedded.tansu import EmbeddedTansu
from tests.support import parts
from tests.support.api import served_from, token
from tests.support.documented_answers import openapi_document, resolved
from tests.support.events import cost, ended, started
from tests.support.house import ROOT
from tests.support.ledger_rows import LiveCallRow, rows
from tests.support.links import Link, opened_link
from tests.support.live import LiveSystem, ago, live_system
from tests.support.typescript_client import compiled_programs, node, output_of, running

CUTS = 5
CALLS = 4
STEP_SECONDS = 20


def exact(body: Any) -> Any:
    """Return a body with each number as its digits, as the client has it."""
    if isinstance(body, Mapping):
        return {name: exact(value) for name, value in body.items()}
    if isinstance(body, list):
        return [exact(value) for value in body]
    return str(body) if isinstance(body, int | Decimal) and not isinstance(body, bool) else body


@pytest.fixture
async def written(database_url: str) -> str:
    """Calls of alice and bob; alice's cost has digits that a double would round."""
    now = datetime.now(UTC)
    async with rows(database_url) as ledger:
        for number, user in enumerate(("alice", "alice", "bob")):
            costs = {"twilio": 9_007_199_254_740_993 + number, "stripe": 475_000_000}
            await ledger.call(
                LiveCallRow(call_id=f"call-{number}", user_id=user, at=now, costs=costs)
            )
    return database_url


@pytest.mark.slow
def test_rules_of_the_client_hold() -> None:
    node()
    done = subprocess.run(
        [ROOT / "tools" / "web", "client", "test"],
        capture_output=True,
        check=False,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_published_package_is_complete_and_needs_nothing() -> None:
    package = compiled_programs().parent / "node_modules" / "cost-analytics-client"
    described = json.loads((package / "package.json").read_text())
    assert "dependencies" not in described
    assert (described["type"], described["license"]) == ("module", "Apache-2.0")
    for target in described["exports"]["."].values():
        assert (package / target).is_file()
    names = {path.name for path in package.iterdir()}
    assert names == {"LICENSE", "README.md", "dist", "package.json"}


async def test_axios_service_reads_exact_amounts(written: str) -> None:
    async with served_from(written) as api:
        answers = await output_of(
            "axios-service", "alice", "call-1",
            API=f"http://127.0.0.1:{api.port}", TOKEN=token("alice"),
        )  # fmt: skip
        for name, path in {
            "spending": "/api/costs/user/alice/spending?period=30d",
            "budget": "/api/costs/user/alice/budget",
            "call": "/api/costs/call/call-1",
        }.items():
            assert answers[name] == exact((await api.get(path, "alice")).json), name
    assert answers["call"]["data"]["costByService"]["twilio"] == "9007199.254740994"


def sample(schema: Mapping[str, Any]) -> Any:
    """Return a value of a parameter."""
    if "enum" in schema:
        return schema["enum"][0]
    samples = {"integer": 1, "boolean": True, "array": []}
    return samples.get(schema.get("type", ""), schema.get("examples", ["1"])[0])


def wanted_operations() -> list[dict[str, Any]]:
    """Return each operation with what it requires: its parameters and the documented body."""
    wanted = []
    for methods in openapi_document()["paths"].values():
        for operation in methods.values():
            if "x-websocket" in operation:
                continue
            parameters = [resolved(each) for each in operation.get("parameters", [])]
            given = {
                each["name"]: sample(each["schema"]) for each in parameters if each.get("required")
            }
            if body := operation.get("requestBody"):
                given["body"] = body["content"]["application/json"].get("example", {})
            wanted.append({"name": operation["operationId"], "input": given})
    return wanted


async def test_every_route_is_reachable(written: str) -> None:
    """Each operation gets the API's own answer; that of an unknown route is another one."""
    wanted = wanted_operations()
    async with served_from(written) as api:
        unknown = (await api.get("/api/costs/nothing", "alice")).json["error"].replace("`", "")
        answers = await output_of(
            "every-operation", text=json.dumps(wanted),
            API=f"http://127.0.0.1:{api.port}", TOKEN=token("root", role="admin"),
        )  # fmt: skip
    assert answers.keys() == {operation["name"] for operation in wanted}
    failed = {name: each for name, each in answers.items() if "data" not in each}
    assert not [name for name, each in failed.items() if each.get("status") in {None, 0, 405}]
    assert not [name for name, each in failed.items() if each["message"] == unknown]
    assert not [name for name, each in failed.items() if each["code"] == "unknown"]
    assert len(answers) - len(failed) >= len(answers) // 2, failed
    assert answers["listCalls"]["data"] == {"userId": "1", "calls": [], "nextCursor": None}


class Follower:
    """The lines that the example of the live feed prints."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.calls: dict[str, dict[str, Any]] = {}
        self.states: list[str] = []
        self.fallen = 0

    async def next(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        async with asyncio.timeout(STEP_SECONDS):
            line: dict[str, Any] = json.loads(await self._process.stdout.readline())
        if "state" in line:
            self.states.append(line["state"])
        elif "callId" in line:
            before = self.calls.get(line["callId"], line)
            self.fallen += int(line["version"]) < int(before["version"])
            self.calls[line["callId"]] = line
        return line

    async def until(self, **fields: str) -> None:
        while not fields.items() <= (await self.next()).items():
            pass


@pytest.fixture
async def system(tansu: EmbeddedTansu, database_url: str) -> AsyncIterator[LiveSystem]:
    async with live_system(tansu.bootstrap, database_url) as system:
        yield system


async def test_feed_survives_lost_connections(system: LiveSystem) -> None:
    """The example shows what was recorded while it was connected, and what it missed."""
    user, events = "follower", 0
    async with system.replica() as replica:
        link = Link("127.0.0.1", replica.port)
        async with opened_link(link) as port, running(
            "follow-calls", user, API=f"http://127.0.0.1:{port}", TOKEN=token(user)
        ) as process:  # fmt: skip
            follower = Follower(process)
            await follower.until(state="live")
            for cut in range(CUTS):
                link.refuses = False
                for number in range(CALLS):
                    call = f"call-{cut}-{number}"
                    await system.record(started(call, user, time=ago(seconds=60)))
                    await system.record(cost(call, user, time=ago(seconds=30)))
                    events += 2
                link.cut()
                await follower.until(state="waiting")
                await system.record(ended(f"call-{cut}-0", user, time=ago(seconds=0)))
                await system.record(cost(f"call-{cut}-1", user, time=ago(seconds=1)))
                events += 2
                link.refuses = False
                await follower.until(state="live")
            open_calls = [
                f"call-{cut}-{number}" for cut in range(CUTS) for number in range(1, CALLS)
            ]
            shown = await _shown(follower, open_calls)
            await system.record(cost("call-0-1", user, time=ago(seconds=1)))
            events += 1
            await follower.until(
                callId="call-0-1", version=str(int(shown["call-0-1"]["version"]) + 1)
            )
            difference = 0
            for call in open_calls:
                body = (await replica.get(f"/api/costs/call/{call}", user)).data
                wrong = Decimal(follower.calls[call]["totalCost"]) - body["totalCost"]
                difference += abs(int(wrong * 10**9))
            process.terminate()
            async with asyncio.timeout(STEP_SECONDS):
                assert await process.wait() == 0
    assert follower.fallen == 0
    assert follower.states.count("live") == CUTS + 1
    parts.figures.append(
        f"live feed of the TypeScript client: {CUTS} cuts, {events} events recorded,"
        f" {len(open_calls)} calls shown, difference {difference} nano-dollars"
    )
    assert difference == 0


async def _shown(follower: Follower, calls: list[str]) -> dict[str, dict[str, Any]]:
    while not set(calls) <= follower.calls.keys():
        await follower.next()
    return follower.calls
