"""A key is looked up once a second, and outlasts a short outage of PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from api.http.api_keys import KeyVerifier
from api.http.problems import Problem
from ledger.operations.api_keys import KeyHolder, digest_of
from ledger.postgres.viewers import StoreUnavailableError

SECOND_NS = 1_000_000_000


class Store:
    """Keys in memory."""

    def __init__(self, *keys: str) -> None:
        self.active = {digest_of(key): KeyHolder(1, "bot", frozenset({"ingest"})) for key in keys}
        self.reads = 0
        self.is_down = False
        self.now_ns = 0

    async def find(self, digest: bytes) -> KeyHolder | None:
        self.reads += 1
        if self.is_down:
            raise StoreUnavailableError("down")
        return self.active.get(digest)


class Slots:
    """Counts the checks that waited for their turn."""

    def __init__(self) -> None:
        self.opened = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        self.opened += 1
        yield


async def test_known_key_is_read_once_a_second_and_waits_for_no_slot() -> None:
    store, slots = Store("key"), Slots()
    verifier = KeyVerifier(store, lambda: store.now_ns)
    for _ in range(5):
        caller = await verifier.caller("key", slots.open)
    assert (store.reads, slots.opened) == (1, 1)
    assert (caller.user_id, caller.role) == ("bot", "service")
    assert caller.scopes == frozenset({"ingest"})
    store.now_ns += SECOND_NS
    await verifier.caller("key", slots.open)
    assert (store.reads, slots.opened) == (2, 1)


async def test_revoked_key_is_forgotten() -> None:
    store, slots = Store("key"), Slots()
    verifier = KeyVerifier(store, lambda: store.now_ns)
    await verifier.caller("key", slots.open)
    store.active.clear()
    store.now_ns += SECOND_NS
    for _ in range(2):
        with pytest.raises(Problem):
            await verifier.caller("key", slots.open)
    store.is_down = True
    with pytest.raises(StoreUnavailableError):
        await verifier.caller("key", slots.open)


async def test_key_is_accepted_for_a_minute_without_postgresql() -> None:
    store, slots = Store("key"), Slots()
    verifier = KeyVerifier(store, lambda: store.now_ns)
    await verifier.caller("key", slots.open)
    store.is_down = True
    store.now_ns += 59 * SECOND_NS
    assert (await verifier.caller("key", slots.open)).user_id == "bot"
    store.now_ns += SECOND_NS
    with pytest.raises(StoreUnavailableError):
        await verifier.caller("key", slots.open)
    with pytest.raises(StoreUnavailableError):
        await verifier.caller("another key", slots.open)
