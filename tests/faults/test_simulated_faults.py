"""The simulator: seeded runs of the write path, and planted faults that it must find."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest

from ledger.budgets import alert_rows as alerts
from ledger.calls.totals import call_total_json
from ledger.recording.batch import Batch, BatchOutcome
from ledger.recording.epochs import published_version
from ledger.recording.ledger import Ledger
from ledger.recording.recorder import Recorder
from schemas.topics import CALL_TOTALS
from streams.publishing.relay import OutboxRelay, _record
from tests.simulator.run import SimulationRun
from tests.simulator.seeds import run_seed, server_on
from tests.simulator.server import SteppedServer
from tests.support.background_loop import BackgroundLoop
from tests.support.fault_table import AlertFigures, FaultRecorder

SEEDS = 200
SEEDS_UNTIL_FOUND_MAX = 200


@pytest.mark.timeout(1_500)
async def test_simulated_runs_lose_and_double_nothing(record_fault: FaultRecorder) -> None:
    command = ["-m", "tests.simulator", "--seeds", str(SEEDS), "--jobs", "2", "--json"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-4000:]
    figures = json.loads(output.splitlines()[-1])
    record_fault(
        f"{SEEDS} simulated runs, {figures['faults']} faults",
        sent=figures["sent"],
        counted=figures["counted"],
        difference=figures["difference"],
        alerts=AlertFigures(
            figures["alerts_expected"], figures["alerts_missing"], figures["alerts_doubled"]
        ),
    )
    assert figures["sent"] > SEEDS
    assert figures["faults"] > SEEDS


@pytest.fixture
def server(background: BackgroundLoop, database_url: str) -> Iterator[SteppedServer]:
    with server_on(background, database_url) as server:
        yield server


def test_seed_replays_exactly(server: SteppedServer) -> None:
    for seed in range(20, 30):
        once, again = run_seed(server, seed), run_seed(server, seed)
        assert not once.failure
        assert once.trace == again.trace
        assert once.digest == again.digest


_record_batch = Recorder._record
_send_some = OutboxRelay._send_some


async def _offset_before_totals(self: Recorder, batch: Batch) -> BatchOutcome:
    connection = await self._open()
    for partition, offset in batch.next_offsets.items():
        query = 'UPDATE stream_offsets SET next_offset = greatest(next_offset, $2) WHERE "partition" = $1'
        await connection.execute(query, partition, offset)
    return await _record_batch(self, batch)


async def _no_known_identities(*_: Any) -> list[tuple[int, int]]:
    return []


async def _send_after_dropping(self: OutboxRelay) -> int:
    connection = await self._connection.open()
    async with alerts.publishing_lock(connection):
        messages = await alerts.take_messages(connection, 500)
        await alerts.drop_messages(connection, messages)
    if messages:
        await self._producer.send_records(_record(one, self._now()) for one in messages)
    return len(messages)


async def _letters_after_the_commit(self: Recorder, batch: Batch) -> BatchOutcome:
    later: list[tuple[Any, ...]] = []
    real = self._acknowledge

    async def keep(*arguments: Any) -> None:
        later.append(arguments)

    self._acknowledge = keep
    try:
        outcome = await _record_batch(self, batch)
    finally:
        self._acknowledge = real
    for arguments in later:
        await real(*arguments)
    return outcome


def _publishing_before_the_commit() -> Any:
    """Publish calls as they are written, before they are committed."""
    runs: list[SimulationRun] = []
    prepare = SimulationRun.__post_init__

    def remember(self: SimulationRun) -> None:
        prepare(self)
        runs.append(self)

    async def publish(self: Ledger, connection: Any, changes: Any, *rest: Any, **more: Any) -> Any:
        run = runs[-1]
        for call in changes.owned:
            value = call_total_json(call, run.loop.now(), published_version(0, call.version))
            run.broker.append(CALL_TOTALS.name, 0, call.call_id.encode(), value)
        return await _move(self, connection, changes, *rest, **more)

    return patch.object(SimulationRun, "__post_init__", remember), patch.object(
        Ledger, "_move", publish
    )


_move = Ledger._move


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("make_patches", "schema"),
    [
        (lambda: [patch.object(Recorder, "_record", _offset_before_totals)], ""),
        (
            lambda: [patch("ledger.recording.ledger.known_identities", _no_known_identities)],
            "ALTER TABLE event_identities DROP CONSTRAINT event_identities_pkey",
        ),
        (_publishing_before_the_commit, ""),
        (lambda: [patch.object(OutboxRelay, "_send_some", _send_after_dropping)], ""),
        (lambda: [patch.object(Recorder, "_record", _letters_after_the_commit)], ""),
    ],
    ids=[
        "offsets move before totals",
        "identities are not looked up",
        "totals are published before their commit",
        "alerts leave the outbox before they are sent",
        "dead letters are sent after their commit",
    ],
)
def test_simulator_finds_planted_faults(
    server: SteppedServer, make_patches: Callable[[], Any], schema: str
) -> None:
    """Each planted fault would lose or double something; some seed must show it."""
    if schema:
        server.run(server.monitor.execute(schema))
    patches = list(make_patches())
    for fault_patch in patches:
        fault_patch.start()
    try:
        found = next(
            (seed for seed in range(SEEDS_UNTIL_FOUND_MAX) if run_seed(server, seed).failure), None
        )
    finally:
        for fault_patch in reversed(patches):
            fault_patch.stop()
    assert found is not None, f"{SEEDS_UNTIL_FOUND_MAX} seeds do not show it"
