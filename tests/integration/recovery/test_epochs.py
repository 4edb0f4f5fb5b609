"""The epoch of the ledger only rises, and each batch is recorded in one epoch."""

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
from tests.support.recording import STREAM, BatchWriter, TopicLog, fetch, offsets


async def test_two_restores_of_one_backup_get_two_epochs(database_url: str) -> None:
    async with connected(database_url, name="test") as connection:
        assert await current_epoch(connection) == (0, True)
        first = await raise_epoch(connection, "restore")
        assert await current_epoch(connection) == (first, False)
        await connection.execute("DELETE FROM ledger_epochs WHERE epoch > 0")
        assert await raise_epoch(connection, "restore", above=first) > first
        newest = await raise_epoch(connection, "rebuild")
        assert (await current_epoch(connection)).epoch == newest > first


async def test_batch_of_an_earlier_epoch_is_not_recorded(database_url: str) -> None:
    log = TopicLog()

    async def open_connection() -> Connection:
        return await connect(database_url, name="test")

    async def acknowledge(*_: object) -> None:
        """Accept that there are no dead letters."""

    recorder = Recorder(open_connection, STREAM, PriceBook(), acknowledge, epoch=0)
    await recorder.record(log.batch([started()]))
    async with connected(database_url, name="test") as connection:
        await raise_epoch(connection, "restore")
    with pytest.raises(EpochChangedError):
        await recorder.record(log.batch([cost()]))
    assert await offsets(database_url) == {0: 1}
    await recorder.close()


async def test_nothing_is_recorded_during_a_restore(database_url: str) -> None:
    await fetch(database_url, "DELETE FROM ledger_epochs")
    async with BatchWriter(database_url) as writer:
        with pytest.raises(LedgerClosedError):
            await writer.record(TopicLog().batch([started()]))
    assert await offsets(database_url) == {}
