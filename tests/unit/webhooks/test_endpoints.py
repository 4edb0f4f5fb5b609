"""Endpoints are cached while PostgreSQL is away, and events without a user are bounded."""

import pytest

from api.http.problems import Problem
from api.webhooks.endpoints import FRESH_SECONDS, STALE_SECONDS_MAX, CachedEndpoints
from api.webhooks.intake import HELD_EVENTS_MAX, require_room_for_held_events
from ledger.operations.webhooks import WebhookEndpoint
from ledger.postgres.viewers import StoreUnavailableError

ID = "e" * 32
SECOND_NS = 1_000_000_000


class Store:
    """Endpoints in memory."""

    def __init__(self) -> None:
        self.found: WebhookEndpoint | None = WebhookEndpoint(
            ID, "vapi", "a", None, 300, {}, ("secret",)
        )
        self.gone = False
        self.reads = self.held = 0
        self.notes: list[str | None] = []

    async def find(self, endpoint_id: str) -> WebhookEndpoint | None:
        self.reads += 1
        if self.gone:
            raise StoreUnavailableError("gone")
        return self.found

    async def note(self, endpoint_id: str, refusal: str | None) -> None:
        if self.gone:
            raise StoreUnavailableError("gone")
        self.notes.append(refusal)

    async def count_held_events(self, at_most: int) -> int:
        return min(self.held, at_most)


async def test_endpoint_is_read_once_a_second_and_kept_during_an_outage() -> None:
    store, now = Store(), [0]
    endpoints = CachedEndpoints(store, lambda: now[0])
    for _ in range(3):
        assert await endpoints.find("vapi", ID) == store.found
    assert store.reads == 1
    assert await endpoints.find("retell", ID) is None
    store.gone = True
    now[0] = (STALE_SECONDS_MAX - 1) * SECOND_NS
    assert await endpoints.find("vapi", ID) == store.found
    now[0] = STALE_SECONDS_MAX * SECOND_NS
    with pytest.raises(StoreUnavailableError):
        await endpoints.find("vapi", ID)
    store.gone, store.found = False, None
    now[0] += FRESH_SECONDS * SECOND_NS
    assert await endpoints.find("vapi", ID) is None


async def test_outcomes_are_noted_once_a_second_each() -> None:
    store, now = Store(), [0]
    endpoints = CachedEndpoints(store, lambda: now[0])
    for refusal in (None, None, "no", "no"):
        await endpoints.note(ID, refusal)
    now[0] = SECOND_NS
    await endpoints.note(ID, None)
    store.gone = True
    now[0] = 2 * SECOND_NS
    await endpoints.note(ID, None)
    assert store.notes == [None, "no", None]


async def test_events_without_a_user_are_refused_when_too_many_are_held() -> None:
    store = Store()
    store.held = HELD_EVENTS_MAX - 1
    await require_room_for_held_events(store)
    store.held = HELD_EVENTS_MAX
    with pytest.raises(Problem) as caught:
        await require_room_for_held_events(store)
    assert caught.value.status == 503
