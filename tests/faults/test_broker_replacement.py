"""`make run` replaces its broker under load: no event is lost, doubled or late."""

import asyncio
import json
import signal
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, WSMsgType

from cost_analytics.configuration.dev_file import read_env_file
from cost_analytics.configuration.kafka_section import KafkaSection
from devkit.embedded.ports import choose_port
from ledger.postgres.database import connected
from messaging.kafka import KafkaError, make_producer
from messaging.producer import RecoveringProducer
from schemas.topics import CALL_EVENTS
from tests.support import parts
from tests.support.command import run_command
from tests.support.dev_instance import DevInstance, dev
from tests.support.events import Plain, cost, structured
from tests.support.expected import expect
from tests.support.fault_table import FaultRecorder, difference_nano
from tests.support.recording import fetch
from tests.support.totals import read_totals

REPLACEMENTS = 3
SECONDS_MAX = 240
END_SECONDS_MAX = SECONDS_MAX - 60
LATE_SECONDS = 5
ACKNOWLEDGED_SECONDS_MAX = 5
SILENT_SECONDS = 10

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS_MAX)]


class EventEmitters:
    """Events sent over Kafka and HTTP: when each was accepted, and when it was counted."""

    def __init__(self, values: dict[str, str], directory: Path) -> None:
        self._values = values
        self._directory = directory
        self.url = f"http://127.0.0.1:{values['API_PORT']}"
        self.events: dict[str, Plain] = {}
        self.accepted: dict[str, float] = {}
        self.counted: dict[str, float] = {}
        self.refused = 0
        self.silence = 0.0

    def token(self, role: str) -> str:
        done = run_command(
            "token", "--user", "emitter", "--role", role, values={}, cwd=self._directory
        )
        return done.stdout.strip()

    def _new(self, way: str) -> Plain:
        call = f"{way}-{len(self.events)}"
        self.events[call] = cost(call, "alice", time=datetime.now(UTC))
        return self.events[call]

    async def over_kafka(self, stop: asyncio.Event) -> None:
        # As services must: a usual producer may wait for a lost acknowledgement without end.
        kafka = KafkaSection(self._values["KAFKA_BOOTSTRAP_SERVERS"], idempotent=False).client()
        producer = RecoveringProducer(lambda: make_producer(kafka), ACKNOWLEDGED_SECONDS_MAX)
        while not stop.is_set():
            event = self._new("kafka")
            while not await self._sent(producer, event):
                self.refused += 1
            self.accepted[event["data"]["callId"]] = time.monotonic()
            await asyncio.sleep(0.01)
        await producer.close()

    async def _sent(self, producer: RecoveringProducer, event: Plain) -> bool:
        try:
            await producer.send_all(CALL_EVENTS.name, [(b"alice", structured(event))])
        except (KafkaError, TimeoutError):
            return False
        return True

    async def over_http(self, stop: asyncio.Event, token: str) -> None:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/cloudevents+json",
        }
        async with ClientSession(headers=headers) as session:
            while not stop.is_set():
                event = self._new("http")
                while not await self._posted(session, event):
                    self.refused += 1
                    await asyncio.sleep(0.1)
                self.accepted[event["data"]["callId"]] = time.monotonic()
                await asyncio.sleep(0.02)

    async def _posted(self, session: ClientSession, event: Plain) -> bool:
        try:
            body = structured(event)
            async with session.post(f"{self.url}/api/costs/events", data=body) as response:
                assert response.status in {202, 503}, await response.text()
                return response.status == 202
        except ClientError:
            return False

    async def watch_socket(self, stop: asyncio.Event, token: str) -> None:
        """Measure the longest silence of one socket, which must never close."""
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            ClientSession(headers=headers) as session,
            session.ws_connect(f"{self.url}/api/costs/live", max_msg_size=0) as socket,
        ):
            last = time.monotonic()
            while not stop.is_set():
                message = await socket.receive(SILENT_SECONDS)
                assert message.type is WSMsgType.TEXT, message
                if json.loads(message.data)["type"] == "call":
                    now = time.monotonic()
                    self.silence, last = max(self.silence, now - last), now

    async def watch_database(self, stop: asyncio.Event) -> None:
        """Record when each event was first seen as committed."""
        async with connected(self._values["DATABASE_URL"], name="test") as connection:
            while not (stop.is_set() and self.counted.keys() >= self.accepted.keys()):
                rows = await connection.fetch(
                    "SELECT call_id FROM calls WHERE call_id <> ALL ($1)", list(self.counted)
                )
                now = time.monotonic()
                self.counted |= {row["call_id"]: now for row in rows}
                await asyncio.sleep(0.1)

    def progress(self) -> str:
        """Return how many events were accepted, refused and counted so far, for a failure."""
        ways = Counter(call.partition("-")[0] for call in self.accepted)
        missing = sorted(self.accepted.keys() - self.counted.keys())[:10]
        return (
            f"accepted {dict(ways)}, refused {self.refused}, counted {len(self.counted)}, "
            f"missing {missing}"
        )

    def waited(self) -> float:
        """Return the longest time from acceptance to commit."""
        return max(self.counted[call] - at for call, at in self.accepted.items())


def replacements(running: DevInstance) -> int:
    assert running.running(), running.output()
    return running.output().count("was replaced")


async def test_broker_replacement_loses_doubles_and_delays_nothing(
    tmp_path: Path, record_fault: FaultRecorder
) -> None:
    port = str(choose_port())
    with dev(tmp_path, PORT=port, SIMULATE="0", BROKER_MEMORY_MB="2") as running:
        await asyncio.to_thread(running.curl)
        values = read_env_file(tmp_path / ".local" / "dev.env")
        emitters, stop = EventEmitters(values, tmp_path), asyncio.Event()
        service, admin = emitters.token("service"), emitters.token("admin")
        try:
            async with asyncio.timeout(END_SECONDS_MAX), asyncio.TaskGroup() as tasks:
                tasks.create_task(emitters.over_kafka(stop))
                tasks.create_task(emitters.over_http(stop, service))
                tasks.create_task(emitters.watch_socket(stop, admin))
                tasks.create_task(emitters.watch_database(stop))
                while replacements(running) < REPLACEMENTS:
                    await asyncio.sleep(0.5)
                await asyncio.sleep(LATE_SECONDS)
                stop.set()
        except TimeoutError:
            pytest.fail(f"{emitters.progress()}\n{running.output()}", pytrace=False)
        url = values["DATABASE_URL"]
        totals, expected = await read_totals(url), expect(list(emitters.events.values())).totals
        clusters = await fetch(url, "SELECT DISTINCT cluster FROM stream_offsets")
        verified = run_command("verify", values={}, cwd=tmp_path)
        parts.figures.append(
            f"{replacements(running)} replacements of the broker: accepted "
            f"{len(emitters.accepted)}, counted {totals.events}, difference "
            f"{difference_nano(expected, totals)}, longest until committed "
            f"{emitters.waited():.1f} s, refused {emitters.refused}, socket silent for "
            f"{emitters.silence:.1f} s at most"
        )
        record_fault(
            f"broker of make run replaced {REPLACEMENTS} times",
            sent=len(emitters.accepted),
            counted=totals.events,
            difference=difference_nano(expected, totals),
        )
        assert totals == expected
        assert len(clusters) > REPLACEMENTS
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert "log_cut_off" not in (tmp_path / ".local" / "logs" / "worker.log").read_text()
        assert emitters.waited() < LATE_SECONDS
        assert running.end(signal.SIGINT) == 0
