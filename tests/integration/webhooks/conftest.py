"""The API with a database and an event stream in memory."""

from collections.abc import AsyncIterator

import pytest

from tests.support.api import ApiClient, served_from
from tests.support.intake import MemoryEventStream


@pytest.fixture
def stream() -> MemoryEventStream:
    return MemoryEventStream()


@pytest.fixture
async def api(database_url: str, stream: MemoryEventStream) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, events=stream) as api:
        yield api
