"""The emitter: queues events, and owns the thread that sends them."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import ssl
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Final, NamedTuple

from cost_analytics_emitter.call import Call, CallReference, Direction, Tags
from cost_analytics_emitter.counters import Counters, Tally
from cost_analytics_emitter.events import Event, Fields, Number, make_event, new_id
from cost_analytics_emitter.forks import restart_in_children
from cost_analytics_emitter.http_transport import HttpTransport
from cost_analytics_emitter.kafka_transport import TOPIC, KafkaTransport
from cost_analytics_emitter.outbox import MemoryOutbox, Outbox
from cost_analytics_emitter.reservations import Reserver
from cost_analytics_emitter.sender import Sender
from cost_analytics_emitter.spool import SpoolOutbox
from cost_analytics_emitter.tokens import default_source, token_function
from cost_analytics_emitter.transport import Transport

MEBIBYTE: Final = 1024 * 1024
_STOP_SECONDS: Final = 0.5
_DROP_LOG_SECONDS: Final = 10

_log: Final = logging.getLogger("cost_analytics_emitter")


class _Parts(NamedTuple):
    """The queue, the sending thread and the counts of one process."""

    tally: Tally
    memory: MemoryOutbox
    outbox: Outbox
    sender: Sender


class Emitter:
    """Sends events of calls to Cost Analytics, over HTTP or to Kafka.

    Make one for each process and use it from any thread. Reporting an event queues it in
    microseconds and never raises; a background thread sends it, and repeats it with the same id
    until it is accepted or refused.
    """

    _parts: _Parts | None = None
    _spool: SpoolOutbox | None = None
    _drop_logged_at = 0.0
    _is_closed = False

    def __init__(
        self,
        url: str | None = None,
        token: str | Callable[[], str] | None = None,
        *,
        kafka: str | Mapping[str, object] | None = None,
        source: str | None = None,
        spool: str | os.PathLike[str] | None = None,
        topic: str = TOPIC,
        memory_bytes_max: int = 16 * MEBIBYTE,
        spool_bytes_max: int = 256 * MEBIBYTE,
        linger_seconds: float = 0.1,
        timeout_seconds: float = 10,
        close_seconds: float = 5,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Start sending, and first what an earlier process left in the spool.

        `url` is the address of the API, and `token` a token of a service, or a function that
        returns the current one. `kafka` takes their place: the brokers' addresses, or a
        configuration of librdkafka. `source` names this service, by default by the token's subject.

        `spool` is a directory that this process owns: events in it survive the end of the process.
        An event waits up to `linger_seconds` for others. A request takes up to `timeout_seconds`,
        and the end of the program waits up to `close_seconds`.

        Raises ValueError for a wrong argument, RuntimeError if `kafka` needs a missing package,
        SpoolInUseError and OSError for the spool.
        """
        context = ssl_context or ssl.create_default_context()

        def make_transport() -> Transport:
            if kafka is not None:
                brokers = {"bootstrap.servers": kafka} if isinstance(kafka, str) else kafka
                return KafkaTransport(brokers, topic, timeout_seconds)
            if url is None or token is None:
                raise ValueError("give `url` and `token`, or `kafka`")
            return HttpTransport(url, token_function(token), timeout_seconds, context)

        if kafka is not None and (url is not None or token is not None):
            raise ValueError("give `url` and `token`, or `kafka`, and not both")
        self._starting = threading.RLock()
        self.source = source or default_source(token)
        self.reserver = Reserver(url, token, context)
        self._make_transport = make_transport
        self._memory_bytes_max, self._spool_bytes_max = memory_bytes_max, spool_bytes_max
        self._linger_seconds, self._close_seconds = linger_seconds, close_seconds
        self._parts = self._start(None if spool is None else Path(spool))
        restart_in_children(self)
        atexit.register(self.close)

    def call(
        self,
        call_id: str | None = None,
        *,
        user: str,
        persona: str = "default",
        direction: Direction | None = None,
        expected_seconds: Number | None = None,
        tags: Tags | None = None,
        provider: str | None = None,
        provider_call_id: str | None = None,
    ) -> Call:
        """Return a call of this bot, to be used by `with` or `async with`.

        `call_id` is by default a new one, `user` who pays for the call. `provider` is the vendor
        that carries the call, such as `twilio`, and `provider_call_id` its id of the call: with
        them the service can end it.
        """
        return Call(
            self,
            call_id or new_id(),
            user,
            persona,
            direction=direction,
            expected_seconds=expected_seconds,
            tags=tags,
            provider=provider,
            provider_call_id=provider_call_id,
        )

    def existing_call(
        self, call_id: str, *, user: str | None = None, persona: str | None = None
    ) -> CallReference:
        """Return a call that was announced elsewhere.

        Without its `user`, events count as soon as an event of the call names one.
        """
        return CallReference(self, call_id, user, persona)

    def emit(
        self,
        event_type: str,
        make_data: Callable[[], Fields],
        *,
        event_id: str | None = None,
        at: datetime | None = None,
    ) -> str:
        """Queue an event of any type of the contract, and return its id. Never raises.

        `make_data` returns the event's `data`; fields that are None are left out.
        """
        event_id = event_id or new_id()
        try:
            parts = self._parts or self._start(None)
            try:
                event = make_event(self.source, event_id, event_type, make_data(), at)
            except Exception as error:  # whatever a wrong value causes, the call goes on
                parts.tally.refuse("cannot be sent")
                _log.error(
                    "an event %s cannot be sent: %s",
                    event_type,
                    error,
                    extra={"action": "event_refused"},
                )
                return event_id
            if not self._is_closed and parts.outbox.put(event):
                parts.tally.add("accepted")
                parts.sender.wake()
            else:
                self._drop(parts, "the emitter is closed" if self._is_closed else "no room", 1)
        except Exception:  # the call goes on, whatever happens here
            _log.exception("an event is lost", extra={"action": "event_lost"})
        return event_id

    def note_unreported(self, reason: str, message: str) -> None:
        """Count usage that a voice framework did not report, and log the first for each reason."""
        parts = self._parts or self._start(None)
        if parts.tally.note_unreported(reason) == 1:
            _log.warning("%s: %s", reason, message, extra={"action": "usage_not_reported"})

    def flush(self, timeout_seconds: float = 5) -> bool:
        """Wait until everything reported so far is accepted or refused; False if time is up."""
        return self._parts is None or self._parts.sender.flush(timeout_seconds)

    def close(self, timeout_seconds: float | None = None) -> bool:
        """Flush, stop the thread and release the spool; return whether everything was sent.

        What is left stays in the spool for the next process. Without a spool it is dropped.
        """
        atexit.unregister(self.close)
        self.reserver.close()
        with self._starting:
            if self._is_closed or self._parts is None:
                self._is_closed = True
                return True
            self._is_closed = True
            parts = self._parts
        is_done = parts.sender.flush(
            self._close_seconds if timeout_seconds is None else timeout_seconds
        )
        parts.sender.stop(_STOP_SECONDS)
        parts.outbox.close()
        self._report_rest(parts)
        return is_done

    def counters(self) -> Counters:
        """Return what happened to events so far."""
        parts = self._parts or self._start(None)
        return parts.tally.snapshot(parts.outbox.pending)

    def __enter__(self) -> Emitter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Emitter:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.close)

    def restart_after_fork(self) -> None:
        """Forget the parent's queue, connection and thread; a child has none of them."""
        if self._spool is not None:
            self._spool.release()
            self._spool = None
            _log.warning(
                "the spool belongs to the parent process: make the emitter after the fork",
                extra={"action": "spool_not_inherited"},
            )
        self.reserver.close()
        self._starting = threading.RLock()
        self._parts = None

    def _start(self, spool: Path | None) -> _Parts:
        """Start the thread, with an empty queue in memory or the events of a spool."""
        with self._starting:
            if self._parts is not None:
                return self._parts
            transport = self._make_transport()
            tally = Tally()
            outbox: Outbox
            outbox = memory = MemoryOutbox(self._memory_bytes_max)
            on_refused: Callable[[Event, str], Any] = _forget
            if spool is not None:
                outbox = self._spool = SpoolOutbox(spool, self._spool_bytes_max, memory, tally)
                on_refused = self._spool.keep_refused
            sender = Sender(outbox, transport, tally, self._linger_seconds, on_refused)
            self._parts = _Parts(tally, memory, outbox, sender)
            return self._parts

    def _drop(self, parts: _Parts, reason: str, number: int) -> None:
        total = parts.tally.drop(reason, number)
        now = monotonic()
        if not self._drop_logged_at or now - self._drop_logged_at >= _DROP_LOG_SECONDS:
            self._drop_logged_at = now
            _log.error(
                "events are dropped (%d so far): %s",
                total,
                reason,
                extra={"action": "events_dropped"},
            )

    def _report_rest(self, parts: _Parts) -> None:
        if discarded := parts.memory.discard():
            self._drop(parts, "not sent before the end", discarded)
        if parts.outbox.pending:
            _log.warning(
                "%d events are left in the spool for the next start",
                parts.outbox.pending,
                extra={"action": "spool_kept"},
            )


def _forget(_event: Event, _reason: str) -> None:
    """Keep nothing of a refused event: it was logged."""
