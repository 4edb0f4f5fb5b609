"""Clients whose start fails or is interrupted leave nothing open."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest

from cost_analytics.configuration.kafka_section import KafkaSection
from messaging.kafka import KafkaError, KafkaSettings, admin_client, make_consumer, start_consumer
from messaging.topic_snapshot import end_offsets, read_topic


class SilentBroker:
    """Accepts connections, and never answers."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.open_count = 0
        self.port = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[KafkaSettings]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            yield KafkaSection(f"127.0.0.1:{self.port}").client()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_count += 1
        self.opened.set()
        try:
            while await reader.read(1024):
                pass
        except OSError:
            pass
        finally:
            self.open_count -= 1
            writer.close()


async def start(settings: KafkaSettings) -> None:
    await start_consumer(make_consumer(settings, "topic", group=None))


async def administer(settings: KafkaSettings) -> None:
    async with admin_client(settings):
        pass


async def read(settings: KafkaSettings) -> None:
    async with aclosing(read_topic(settings, "topic")) as reading:
        async for _ in reading:
            pass


async def read_ends(settings: KafkaSettings) -> None:
    await end_offsets(settings, "topic")


@pytest.mark.parametrize("work", [start, administer, read, read_ends])
async def test_interrupted_start_closes_its_connections(
    work: Callable[[KafkaSettings], Awaitable[None]],
) -> None:
    broker = SilentBroker()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async with broker.listening() as settings:
            task = asyncio.ensure_future(work(settings))
            await broker.opened.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            del task
            gc.collect()
            async with asyncio.timeout(30):
                while broker.open_count:
                    await asyncio.sleep(0.01)
    assert [str(one.message) for one in caught if issubclass(one.category, ResourceWarning)] == []


@pytest.mark.parametrize("work", [start, read, read_ends])
async def test_start_without_a_broker_leaves_nothing_open(
    work: Callable[[KafkaSettings], Awaitable[None]],
) -> None:
    broker = SilentBroker()
    async with broker.listening() as settings:
        pass
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(KafkaError):
            await work(settings)
        gc.collect()
    assert [str(one.message) for one in caught if issubclass(one.category, ResourceWarning)] == []
