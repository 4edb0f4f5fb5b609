"""The newest state of each active call, in bounded memory.

States arrive from the topic and from the database, in any order and repeatedly; the version
decides. Only the header of a state is decoded on arrival, because most states are replaced before
they are sent. An ended call is kept for a while, so that sockets receive its end. After that, its
version is remembered, so that an older state does not make the call active again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from time import monotonic_ns
from typing import Final, NamedTuple

import msgspec

from ledger.postgres.clock import Clock, system_time
from schemas.events import CallStatus
from schemas.jsonio import wire_name

CALLS_MAX: Final = 50_000
"""50,000 calls take about 100 MB. Beyond it, the least recently changed calls are removed."""
GRACE_SECONDS: Final = 30
STALE_HOURS: Final = 24
"""A call without an update for this long is not shown as active."""
_REMOVED_MAX: Final = 100_000
_SECOND_NS: Final = 1_000_000_000


class TotalHeader(msgspec.Struct, gc=False, rename=wire_name):
    """The fields of a published total that are decoded on arrival; amounts stay raw."""

    call_id: str
    user_id: str
    status: CallStatus
    version: int
    total_cost: msgspec.Raw
    charged_to_user: msgspec.Raw
    refunded: msgspec.Raw
    updated_at: datetime


read_head: Final = msgspec.json.Decoder(TotalHeader).decode


class CallVersion(msgspec.Struct, gc=False, eq=False):
    """A call at one version. `text` is its published total; `body` and `frame` are caches.

    Without garbage collection, because examining many calls would block the event loop.
    """

    call_id: str
    head: TotalHeader
    text: bytes
    body: bytes | None = None
    body_at_ns: int = 0
    frame: bytes | None = None
    ended_at_ns: int | None = None

    @property
    def user_id(self) -> str:
        """Return the call's owner."""
        return self.head.user_id

    @property
    def version(self) -> int:
        """Return the number of commits that the state contains."""
        return self.head.version

    @property
    def is_active(self) -> bool:
        return self.head.status == "active"


class CallStateChange(NamedTuple):
    """A call before a change, if it was kept, and after it.

    `was_known` is also true of a call whose earlier state was removed.
    """

    before: CallVersion | None
    after: CallVersion
    was_known: bool


class LiveCalls:
    """Calls by id and by owner, ordered by last change."""

    def __init__(
        self,
        *,
        calls_max: int = CALLS_MAX,
        grace_seconds: int = GRACE_SECONDS,
        clock_ns: Callable[[], int] = monotonic_ns,
        now: Clock = system_time,
    ) -> None:
        self._calls_max = calls_max
        self._grace_ns = grace_seconds * _SECOND_NS
        self._clock_ns = clock_ns
        self._now = now
        self._states: OrderedDict[str, CallVersion] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._by_user: dict[str, set[str]] = {}
        self._removed_versions: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def get(self, call_id: str) -> CallVersion | None:
        """Return the newest state of a call; None if it is not known."""
        return self._states.get(call_id)

    def version(self, call_id: str) -> int:
        """Return the newest known version of a call; 0 if unknown."""
        state = self._states.get(call_id)
        return self._removed_versions.get(call_id, 0) if state is None else state.version

    def of_user(self, user_id: str) -> list[CallVersion]:
        """Return the calls of a user, unordered."""
        return [self._states[call_id] for call_id in self._by_user.get(user_id, ())]

    def __iter__(self) -> Iterator[CallVersion]:
        return iter(list(self._states.values()))

    def active_ids(self) -> list[str]:
        return [state.call_id for state in self._states.values() if state.is_active]

    def apply(self, text: bytes) -> CallStateChange | None:
        """Apply a published total; returns the change, None if it is not newer.

        Raises msgspec.DecodeError for anything but a total.
        """
        head = read_head(text)
        known = self.version(head.call_id)
        if head.version <= known or self._is_stale(head):
            return None
        before = self._states.pop(head.call_id, None)
        state = self._states[head.call_id] = CallVersion(head.call_id, head, text)
        if before is not None and before.user_id != head.user_id:
            self._forget_owner(before)
        self._by_user.setdefault(head.user_id, set()).add(head.call_id)
        self._removed_versions.pop(head.call_id, None)
        self._ended.pop(head.call_id, None)
        if not state.is_active:
            state.ended_at_ns = self._clock_ns()
            self._ended[head.call_id] = None
        self._make_room()
        return CallStateChange(before, state, was_known=known > 0)

    def forget(self, call_ids: Iterable[str]) -> None:
        """Remove calls that do not exist any more."""
        for call_id in call_ids:
            self._drop(call_id)

    def drop_ended(self) -> None:
        """Remove ended calls that were sent long enough ago."""
        until = self._clock_ns() - self._grace_ns
        while self._ended:
            call_id = next(iter(self._ended))
            ended_at_ns = self._states[call_id].ended_at_ns
            if ended_at_ns is not None and ended_at_ns > until:
                return
            self._drop(call_id)

    def _is_stale(self, head: TotalHeader) -> bool:
        return self._now() - head.updated_at > timedelta(hours=STALE_HOURS)

    def _make_room(self) -> None:
        while len(self._states) > self._calls_max:
            self._drop(next(iter(self._ended or self._states)))

    def _drop(self, call_id: str) -> None:
        state = self._states.pop(call_id, None)
        if state is None:
            return
        self._ended.pop(call_id, None)
        self._forget_owner(state)
        self._removed_versions[call_id] = state.version
        if len(self._removed_versions) > _REMOVED_MAX:
            self._removed_versions.popitem(last=False)

    def _forget_owner(self, state: CallVersion) -> None:
        calls = self._by_user[state.user_id]
        calls.discard(state.call_id)
        if not calls:
            del self._by_user[state.user_id]
