"""Uses a ledger as a release does: prepares all its statements, writes, reads and verifies.

    python -m tests.support.use_release OWNER_URL WORKER_URL API_URL

It is frozen with the code of each release and then runs with that code, against a database that a
newer release has migrated. So it imports the product and nothing of the tests. Prints JSON: what
failed, and the answers of the API, in which times and random ids are masked.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import jwt
from aiohttp import ClientSession
from asyncpg import Connection, PostgresError
from yarl import URL

from api.app import build_app
from api.http.access import ROUTES, Route
from api.http.auth import Authenticator, TokenRules
from api.http.jwks import key_source
from api.http.options import ApiOptions
from api.http.serving import serving
from ledger.budgets.alerting import Alerting
from ledger.operations.verification import verify
from ledger.postgres.database import connect, connected
from ledger.postgres.statements import parse
from ledger.postgres.viewers import reader_pool
from ledger.prices.price_book import PriceBook
from ledger.recording.batch import Batch
from ledger.recording.offsets import Stream
from ledger.recording.recorder import Recorder
from schemas.cloudevents import Window, decode

SECRET: Final = "a secret that signs the tokens of this script"
STREAM: Final = Stream("cluster-of-releases", "cost.call-events.v1")
USER: Final = "upgrade-user"
CALLS: Final = 6
QUERIES: Final = ("", "?period=30d&compare=true", "?period=30d&groupBy=tag:team", "?period=weekly",
                  "?type=events", "?type=calls", "?type=daily", "?sort=-totalCost")  # fmt: skip
NEEDS_MORE: Final = {
    "/api/costs/live",
    "/api/costs/user/{userId}/recent",
    "/api/admin/costs/recent",
}
"""Routes that need Kafka or an upgrade to a WebSocket."""
VOLATILE: Final = {"/ready", "/metrics", "/openapi.json", "/asyncapi.json"}
_MASKS: Final = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "TIME"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r'"(\w*[sS]econds|burnRatePerHour|\w*[vV]ersion|version)":[\d.]+'), r'"\1":N'),
)
_IDS: Final = {
    "alertId": "SELECT alert_id::text FROM budget_alerts WHERE user_id = $1 ORDER BY 1",
    "anomalyId": "SELECT anomaly_id::text FROM cost_anomalies WHERE user_id = $1 ORDER BY 1",
    "channelId": "SELECT channel_id::text FROM notice_channels WHERE user_id = $1 ORDER BY created_at",
}
"""The ids of paths, by statements that take the user."""


def event(kind: str, name: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    """Return an event in structured mode."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": name,
            "source": "/releases",
            "type": kind,
            "time": at.isoformat(),
            "data": data,
        }
    ).encode()


def events(prefix: str, first: datetime, calls: int = CALLS) -> list[bytes]:
    """Return calls with each type of event and each way to report a cost."""
    found = []
    for number in range(calls):
        at, call = first + timedelta(minutes=number), {"callId": f"{prefix}-{number}"}
        usages = [
            {"unit": "input_tokens", "quantity": 900},
            {"unit": "output_tokens", "quantity": 80},
        ]
        costs = (
            {"service": "twilio", "operation": "voice", "usage": 1.5, "unit": "minutes"},
            {"service": "deepgram", "operation": "stt_streaming", "model": "nova-2", "usage": 61, "unit": "seconds", "estimated": True},
            {"service": "openai", "operation": "chat_completion", "model": "gpt-4-turbo", "usages": usages},
            {"service": "elevenlabs", "operation": "tts", "usage": 300, "unit": "characters", "totalCost": 0.5},
            {"service": "unknown-vendor", "operation": "magic", "usage": 3, "unit": "requests"},
        )  # fmt: skip
        tags = {"team": f"team-{number % 2}", "campaign": "autumn"}
        start = {"userId": USER, "personaId": "persona-1", "tags": tags}
        end = {"status": "completed", "duration_seconds": 90.5}
        parts: list[tuple[str, Any]] = [
            ("call.started", call | start),
            ("call.updated", call | {"provider": "vapi", "providerCallId": f"vapi-{number}"}),
            *(("cost.recorded", call | cost) for cost in costs),
        ]
        if number % 3:
            void = {
                "voids": {"source": "/releases", "id": f"{prefix}-{number}-3"},
                "reason": "wrong",
            }
            parts += [("cost.voided", call | void), ("call.charged", call | {"amount": 4.99})]
            parts += [("call.refunded", call | {"amount": 1.5}), ("call.ended", call | end)]
        found += [
            event(kind, f"{prefix}-{number}-{place}", at + timedelta(seconds=place), data)
            for place, (kind, data) in enumerate(parts)
        ]
    held = {"callId": f"{prefix}-held", "service": "twilio", "operation": "voice", "usage": 1, "unit": "minutes"}  # fmt: skip
    return [*found, event("cost.recorded", f"{prefix}-held", first, held), found[1]]


async def record(url: str, values: list[bytes], offset: int = 0) -> None:
    """Record events in batches, as a worker does; raises AssertionError for a refused one."""
    refused: list[Any] = []

    async def acknowledge(letters: Any, *_: Any) -> None:
        refused.extend(letters)

    async def open_connection() -> Any:
        return await connect(url, name="cost-analytics worker")

    recorder = Recorder(
        open_connection, STREAM, PriceBook(), acknowledge, alerting=Alerting("charged")
    )
    try:
        for start in range(0, len(values), 20):
            batch = Batch()
            window = Window.around(datetime.now(UTC))
            batch.events = [decode(value, (), window) for value in values[start : start + 20]]
            batch.next_offsets[0] = offset + start + len(batch.events)
            await recorder.record(batch)
    finally:
        await recorder.close()
    assert not refused, refused


async def unprepared_statements(owner: Connection) -> list[str]:
    """Return each named statement that the database does not accept, with the reason."""
    failures = []
    root = Path(str(files("ledger")))
    for path in sorted(root.rglob("*.sql")):
        if path.parent.name == "migrations":
            continue
        for name, statement in parse(path.read_text(encoding="utf-8")).items():
            try:
                await owner.prepare(statement.text)
            except PostgresError as error:
                failures.append(f"{path.relative_to(root)} {name}: {error}")
    return failures


def token(role: str = "admin") -> str:
    """Return a token of an administrator."""
    now = int(time.time())
    claims = {"sub": USER, "role": role, "iat": now, "exp": now + 3600}
    return jwt.encode(claims, SECRET, "HS256")


def queries_of(route: Route) -> list[str]:
    """Return the queries that a route accepts."""
    declared = route.operation.query if route.operation else ()
    names = {parameter.name for parameter in declared}
    required = {parameter.name for parameter in declared if parameter.required}
    if route.path.endswith("/rerate"):
        return ["?from=2026-01-01&dryRun=true"]
    found = {query: set(re.findall(r"[?&](\w+)=", query)) for query in QUERIES}
    return [query for query, used in found.items() if required <= used <= names]


class ApiUser:
    """Requests every route of the release's API."""

    def __init__(self, session: ClientSession, port: int, ids: dict[str, str]) -> None:
        self._session = session
        self._port = port
        self._ids = ids
        self.answers: dict[str, tuple[int, str]] = {}

    async def ask(self, route: Route, query: str = "", role: str = "admin") -> None:
        """Request a route, with the example of its body, and keep the masked answer."""
        path = re.sub(r"{(\w+)}", lambda part: self._ids.get(part[1], "1"), route.path) + query
        example = route.operation.example if route.operation else None
        async with self._session.request(
            route.method,
            URL(f"http://127.0.0.1:{self._port}{path}", encoded=True),
            headers={"Authorization": f"Bearer {token(role)}"},
            data=None if example is None else json.dumps(example).encode(),
        ) as answer:
            text = await answer.text()
        if route.path in VOLATILE:
            text = ""
        for mask, replacement in _MASKS:
            text = mask.sub(replacement, text)
        if answer.status >= 400 or route.method != "GET":
            text = text if answer.status >= 400 else ""
        self.answers[f"{route.method} {route.path}{query}"] = (answer.status, text)


async def use_api(
    owner: Connection, url: str, *, deletes: bool = True
) -> dict[str, tuple[int, str]]:
    """Change what the API can change, then read all that it shows, then delete."""
    authenticator = Authenticator(key_source(secret=SECRET), TokenRules())
    async with reader_pool(url) as readers, ClientSession() as session:
        app = build_app(readers, authenticator, ApiOptions())
        routes = [
            route for route in app[ROUTES] if route.operation and route.path not in NEEDS_MORE
        ]
        async with serving(app, "127.0.0.1", 0, ApiOptions().limits) as address:
            ids = {"userId": USER, "provider": "vapi"}
            ids["callId"] = await owner.fetchval(
                "SELECT min(call_id) FROM calls WHERE user_id = $1", USER
            )
            user = ApiUser(session, address.port, ids)
            for methods in (("POST", "PUT"), ("GET",), ("DELETE",) if deletes else ()):
                for name, query in _IDS.items():
                    ids[name] = (
                        await owner.fetchval(query, USER) or "00000000-0000-4000-8000-000000000000"
                    )
                for route in (route for route in routes if route.method in methods):
                    for query in queries_of(route):
                        await user.ask(route, query)
            return user.answers


async def use(owner_url: str, worker_url: str, api_url: str) -> dict[str, Any]:
    """Use the ledger; returns what failed, the answers and the differences."""
    async with connected(owner_url, name="owner") as owner:
        failures = await unprepared_statements(owner)
        first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        await record(worker_url, events("upgrade", first - timedelta(hours=2)), 10_000)
        answers = await use_api(owner, api_url)
    found = await verify(owner_url)
    return {
        "code": str(files("ledger")),
        "failures": failures,
        "answers": answers,
        "differences": found.differences,
        "lines": found.lines,
    }


if __name__ == "__main__":
    json.dump(asyncio.run(use(*sys.argv[1:])), sys.stdout)
