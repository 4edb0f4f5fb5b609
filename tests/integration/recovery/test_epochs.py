"""The ledger's epoch in the database: it only rises, and batches are recorded in one of them."""

import pytest

from ledger.postgres.database import Connection, connect, connected
from ledger.prices.price_book import PriceBook
from ledger.recording.epochs import (
    EpochChangedError,
    LedgerClosedError,
    current_epoch,
    raise_epoch,
)
from ledger.recording.recorder import Recorder
from tests.support.events import cost, started
from tests.support.recording import STREAM, Desk, Log, fetch, offsets


async def test_two_restores_of_one_backup_get_two_epochs(database_url: str) -> None:
    async with connected(database_url, name="test") as connection:
        assert await current_epoch(connection) == (0, True)
        first = await raise_epoch(connection, "restore")
        assert await current_epoch(connection) == (first, False)
        await connection.execute("DELETE FROM ledger_epochs WHERE epoch > 0")
        assert await raise_epoch(connection, "restore", above=first) > first
        newest = await raise_epoch(connection, "rebuild")
        assert (await current_epoch(connection)).epoch == newest > first


async def test_a_batch_read_in_an_earlier_epoch_is_not_recorded(database_url: str) -> None:
    log = Log()

    async def open_connection() -> Connection:
        return await connect(database_url, name="test")

    async def acknowledge(*_: object) -> None:
        """Acknowledge nothing: there are no dead letters."""

    recorder = Recorder(open_connection, STREAM, PriceBook(), acknowledge, epoch=0)
    await recorder.record(log.batch([started()]))
    async with connected(database_url, name="test") as connection:
        await raise_epoch(connection, "restore")
    with pytest.raises(EpochChangedError):
        await recorder.record(log.batch([cost()]))
    assert await offsets(database_url) == {0: 1}
    await recorder.close()


async def test_nothing_is_recorded_while_a_restore_is_under_way(database_url: str) -> None:
    await fetch(database_url, "DELETE FROM ledger_epochs")
    async with Desk(database_url) as desk:
        with pytest.raises(LedgerClosedError):
            await desk.record(Log().batch([started()]))
    assert await offsets(database_url) == {}
