"""A bot that reports calls through the emitter, as a process that a test can kill.

Each event has its own id and time, which depend on its number only. The bot notes what it reported
after each event, and its successor goes on from there: an event that is reported twice counts once.
"""

import json
import os
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from cost_analytics_emitter import CallReference, Emitter, openai_chat_usages
from cost_analytics_emitter.call import EventQueue
from cost_analytics_emitter.events import make_event
from cost_analytics_emitter.reservations import Reserver
from tests.support.events import Plain

EVENTS_PER_CALL = 8
FLUSH_SECONDS = 60


def reports(queue: EventQueue, calls: int, start: datetime) -> Iterator[Callable[[], str]]:
    """Yield a function for each event, in order, that reports it."""
    for number in range(calls):
        call = CallReference(queue, f"bot-call-{number}", f"user-{number % 3}", "brad_001")
        yield from _reports(queue, call, number, start + timedelta(seconds=number))


def _reports(
    queue: EventQueue, call: CallReference, number: int, start: datetime
) -> Iterator[Callable[[], str]]:
    def given(step: int) -> dict[str, Any]:
        return {"event_id": f"{number}-{step}", "at": start + timedelta(milliseconds=step)}

    opening = {"callId": call.call_id, "userId": call.user, "personaId": call.persona}
    yield lambda: queue.emit("call.started", lambda: opening, **given(0))
    yield lambda: call.usage("twilio", "voice_call", Decimal("1.5"), "minutes", **given(1))
    yield lambda: call.usage(
        "deepgram", "stt_streaming", 0.7, "minutes", model="nova-2", **given(2)
    )
    reported = {"prompt_tokens": 400 + number, "completion_tokens": 90}
    yield lambda: call.llm_usage(
        openai_chat_usages, reported, service="openai", model="gpt-4-turbo", **given(3)
    )
    yield lambda: call.usage("elevenlabs", "tts", 312, "characters", estimated=True, **given(4))
    yield lambda: call.void(f"{number}-4", "known now", **given(5))
    yield lambda: call.charge("4.99", fee="0.4447", **given(6))
    yield lambda: call.end("completed", 90, **given(7))


class Recorder:
    """Keeps the events that an emitter would send."""

    source = "/bot"

    def __init__(self) -> None:
        self.events: list[Plain] = []
        self.reserver = Reserver(None, None, ssl.create_default_context())

    def emit(
        self,
        event_type: str,
        make_data: Callable[[], dict[str, Any]],
        *,
        event_id: str | None = None,
        at: datetime | None = None,
    ) -> str:
        assert event_id is not None
        body = make_event(self.source, event_id, event_type, make_data(), at).body
        event = json.loads(body, parse_float=Decimal)
        self.events.append(event | {"time": at})
        return event_id


def expected_events(calls: int, start: datetime) -> list[Plain]:
    """Return the events that a bot reports."""
    recorder = Recorder()
    for report in reports(recorder, calls, start):
        report()
    return recorder.events


def main(options: dict[str, Any], calls: int, start: str, progress: Path) -> int:
    """Report what an earlier bot did not, and end once everything was accepted."""
    emitter = Emitter(source=Recorder.source, **options)
    done = len(progress.read_bytes()) if progress.exists() else 0
    notes = os.open(progress, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number, report in enumerate(reports(emitter, calls, datetime.fromisoformat(start))):
        if number >= done:
            report()
            os.write(notes, b".")
            time.sleep(0.002)
    is_flushed = emitter.flush(FLUSH_SECONDS)
    emitter.close()
    counters = emitter.counters()
    return 0 if is_flushed and not counters.refused and not counters.dropped else 1


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])))
