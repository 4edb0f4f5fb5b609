"""The thread that sends queued events, in batches, until each is accepted or refused."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from cost_analytics_emitter.backoff import Backoff
from cost_analytics_emitter.counters import Tally
from cost_analytics_emitter.events import Event
from cost_analytics_emitter.outbox import BATCH_EVENTS_MAX, Outbox
from cost_analytics_emitter.transport import Transport

_LOG_SECONDS: Final = 60
"""A series of failures is logged at its start and then this often."""

_log: Final = logging.getLogger("cost_analytics_emitter")

OnRefused = Callable[[Event, str], None]


class Sender:
    """Sends the events of an outbox over a transport.

    `linger_seconds` is how long the first event waits for others. The thread is a daemon: it never
    keeps a program alive.
    """

    def __init__(
        self,
        outbox: Outbox,
        transport: Transport,
        tally: Tally,
        linger_seconds: float,
        on_refused: OnRefused,
    ) -> None:
        self._outbox, self._transport, self._tally = outbox, transport, tally
        self._linger_seconds = linger_seconds
        self._on_refused = on_refused
        self._work = threading.Event()
        # While a flush waits, events are not held back for others.
        self._is_urgent = threading.Event()
        self._stopping = threading.Event()
        self._is_abandoned = False
        self._progress = threading.Condition()
        self._backoff = Backoff()
        self._logged_at = 0.0
        self._thread = threading.Thread(target=self._run, name="cost-emitter", daemon=True)
        if outbox.pending:
            self._work.set()
        self._thread.start()

    def wake(self) -> None:
        """Let the thread know that there is an event; takes a fraction of a microsecond."""
        if not self._work.is_set():
            self._work.set()

    def flush(self, timeout_seconds: float) -> bool:
        """Return whether all events queued before are accepted or refused, within the time."""
        mark = self._outbox.mark()
        self._is_urgent.set()
        self._work.set()
        deadline = monotonic() + timeout_seconds
        try:
            with self._progress:
                while not self._outbox.has_passed(mark):
                    left = deadline - monotonic()
                    if left <= 0 or not self._progress.wait(left):
                        return self._outbox.has_passed(mark)
            return True
        finally:
            self._is_urgent.clear()

    def stop(self, timeout_seconds: float) -> None:
        """End the thread; a request that takes longer is abandoned, and counts nothing."""
        self._stopping.set()
        self._is_urgent.set()
        self._work.set()
        self._thread.join(timeout_seconds)
        self._is_abandoned = self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._work.wait()
            if self._outbox.pending < BATCH_EVENTS_MAX:
                self._is_urgent.wait(self._linger_seconds)
            self._work.clear()
            try:
                self._send_batch()
            except Exception:  # a fault must not end the only sender: it tries again
                _log.exception("a batch failed", extra={"action": "sender_failed"})
                self._stopping.wait(self._backoff.next_seconds())
            if self._outbox.pending:
                self._work.set()
        self._transport.close()

    def _send_batch(self) -> None:
        batch = self._outbox.take()
        if batch and self._deliver(batch):
            with self._progress:
                self._outbox.remove_taken()
                self._progress.notify_all()

    def _deliver(self, batch: Sequence[Event]) -> bool:
        """Send a batch until all of its events are settled; return False if stopped before."""
        groups = [batch]
        while groups:
            if self._stopping.is_set():
                return False
            group = groups.pop()
            reply = self._transport.send(group)
            if self._is_abandoned:
                return False
            left = [event for event in group if event.id not in reply.accepted]
            self._tally.add("sent", len(group) - len(left))
            if not left:
                self._note_success()
            elif reply.refusal and len(left) > 1:
                # The server refuses a batch as a whole: halves find the event that it means.
                middle = len(left) // 2
                groups += [left[middle:], left[:middle]]
            elif reply.refusal:
                self._refuse(left[0], reply.refusal, reply.message)
            else:
                self._note_failure(reply.message)
                self._tally.add("retried", len(left))
                self._stopping.wait(self._backoff.next_seconds(reply.retry_seconds))
                groups.append(left)
        return True

    def _refuse(self, event: Event, reason: str, message: str) -> None:
        self._tally.refuse(reason)
        _log.error(
            "the event %s was refused: %s", event.id, message, extra={"action": "event_refused"}
        )
        try:
            self._on_refused(event, message)
        except Exception:  # keeping a refused event must not stop the others
            _log.exception("a refused event was not kept", extra={"action": "refused_not_kept"})

    def _note_success(self) -> None:
        if self._backoff.failures:
            _log.info("events are sent again", extra={"action": "sending_recovered"})
        self._backoff.reset()
        self._logged_at = 0.0

    def _note_failure(self, message: str) -> None:
        now = monotonic()
        if not self._logged_at or now - self._logged_at >= _LOG_SECONDS:
            self._logged_at = now
            _log.warning(
                "events are not accepted and will be sent again (%d waiting): %s",
                self._outbox.pending,
                message,
                extra={"action": "sending_failed"},
            )
