"""The events of one simulated call, from call start to charge, as emitters send them."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from devkit.simulation.participants import DEMO_USER, Persona, pick_persona, pick_tags
from devkit.simulation.wire import SimulatedEvent, tenths, uuid7

EVENTS_A_CALL: Final = 46
"""The average number of events of a call."""
EVENTS_A_THOUSAND_CALLS_SECOND: Final = 370
"""The number of events per second of a thousand active calls."""

VOICE: Final = "/call-me-back/voice-pipeline"
TELEPHONY: Final = "/call-me-back/telephony"
BILLING: Final = "/call-me-back/billing"

_EXPECTED_SECONDS: Final = (60, 120, 120, 180, 300)
_OUTBOUND: Final = ("voice_call", "voice_outbound", "outbound_call", "voice")
_LISTEN: Final = ("stt_streaming", "streaming_stt", "transcription")
_THINK: Final = ("chat_completion", "inference")
_SPEAK: Final = ("tts_generation", "tts_streaming", "tts")
_CALL_PRICE_CENTS: Final = 499
_DAY_MS: Final = 86_400_000


class CallScript:
    """Generates the events of one call; `rng` determines all of them."""

    def __init__(self, rng: Random, user: str, start_ms: int) -> None:
        self._rng = rng
        self._user = user
        # Some calls are reported a day late, but not the demo user's, which are shown live.
        self._late_ms = 0 if rng.randrange(150) or user == DEMO_USER else _DAY_MS
        self._start_ms = start_ms - self._late_ms
        self._call_id = uuid7(self._start_ms, rng)
        self._persona: Persona = pick_persona(rng)
        self._tags = pick_tags(self._call_id)
        self._outbound = rng.randrange(100) < 82
        # One of ten speech recognition emitters does not know the user.
        self._recognition_is_anonymous = rng.randrange(10) == 0
        self._operations = [rng.choice(names) for names in (_LISTEN, _THINK, _SPEAK, _OUTBOUND)]
        self._events: list[SimulatedEvent] = []

    def write(self) -> tuple[list[SimulatedEvent], int]:
        """Return the events in order of their times, and the end of the call (ms)."""
        rng = self._rng
        expected = rng.choice(_EXPECTED_SECONDS)
        outcome = rng.choices(("completed", "failed", "terminated"), (88, 5, 7))[0]
        duration_ms = expected * rng.randrange(250, 1250)
        if outcome == "failed":
            duration_ms = rng.randrange(800, 12_000)
        self._add_start(expected)
        self._talk(duration_ms)
        self._add_end(duration_ms, outcome)
        self._billing(duration_ms, outcome)
        self._corrections(duration_ms)
        return sorted(self._delay_events()), self._start_ms + self._late_ms + duration_ms

    def _add(self, offset_ms: int, source: str, event_type: str, **data: Any) -> None:
        time_ms = self._start_ms + offset_ms
        event_id = uuid7(time_ms, self._rng)
        self._events.append(
            SimulatedEvent(time_ms, event_id, source, event_type, {"callId": self._call_id, **data})
        )

    def _add_start(self, expected_seconds: int) -> None:
        self._add(
            0,
            VOICE,
            "call.started",
            userId=self._user,
            personaId=self._persona.id,
            direction="outbound" if self._outbound else "inbound",
            expectedDuration_seconds=expected_seconds,
            **_tagged(self._tags.start),
        )

    def _cost(
        self,
        offset_ms: int,
        service: str,
        operation: str,
        usage: object = None,
        unit: str | None = None,
        **fields: Any,
    ) -> None:
        source = TELEPHONY if service == "twilio" else VOICE
        owner = {"userId": self._user, "personaId": self._persona.id}
        if service == "deepgram" and self._recognition_is_anonymous:
            owner = {}
        self._add(
            offset_ms,
            source,
            "cost.recorded",
            **owner,
            service=service,
            operation=operation,
            **({} if unit is None else {"usage": usage, "unit": unit}),
            **fields,
        )

    def _talk(self, duration_ms: int) -> None:
        """Alternate every few seconds: the user speaks, the model thinks, the persona answers."""
        rng, turn, offset_ms = self._rng, 0, 1_200
        while offset_ms < duration_ms:
            turn += 1
            spoken = rng.randrange(10, 45)
            offset_ms += spoken * 100
            self._listen(min(offset_ms, duration_ms), spoken)
            offset_ms += rng.randrange(200, 700)
            if offset_ms >= duration_ms:
                return
            self._think(offset_ms, turn)
            characters = rng.randrange(25, self._persona.characters_max)
            self._speak(offset_ms + rng.randrange(60, 180), characters)
            offset_ms += characters * 55 + rng.randrange(100, 900)

    def _listen(self, offset_ms: int, spoken_tenths: int) -> None:
        model = {"model": "nova-2"} if self._rng.randrange(4) else {}
        self._cost(
            offset_ms, "deepgram", self._operations[0], tenths(spoken_tenths), "seconds", **model
        )

    def _think(self, offset_ms: int, turn: int) -> None:
        rng, persona = self._rng, self._persona
        prompt_tokens = 220 + min(turn, 40) * 35 + rng.randrange(60)
        answered = rng.randrange(12, 90)
        metadata = {"turn": turn, "latency_ms": rng.randrange(90, 480)}
        fields: dict[str, Any] = {"model": persona.model, "metadata": metadata}
        if persona.split_tokens:
            usages = [
                {"unit": "input_tokens", "quantity": prompt_tokens},
                {"unit": "output_tokens", "quantity": answered},
            ]
            self._cost(offset_ms, "cerebras", self._operations[1], usages=usages, **fields)
        else:
            tokens = prompt_tokens + answered
            self._cost(offset_ms, "cerebras", self._operations[1], tokens, "tokens", **fields)

    def _speak(self, offset_ms: int, characters: int) -> None:
        own_price: dict[str, Any] = {}
        if self._rng.randrange(40) == 0:
            # An emitter with its own prices, at a rate of 0.15 USD for 1000 characters.
            cost = (15 * tenths(characters)).scaleb(-4)
            own_price = {"unitCost": tenths(15).scaleb(-4), "totalCost": cost, "estimated": True}
        self._cost(
            offset_ms,
            "elevenlabs",
            self._operations[2],
            characters,
            "characters",
            model=self._persona.voice,
            **own_price,
        )

    def _add_end(self, duration_ms: int, outcome: str) -> None:
        rng = self._rng
        self._add(
            duration_ms,
            VOICE,
            "call.ended",
            status=outcome,
            duration_seconds=tenths(duration_ms // 100),
            **_tagged(self._tags.end),
        )
        minutes = -(-duration_ms // 60_000)
        operation = self._operations[3] if self._outbound else "inbound_call"
        sid = {"sid": f"CA{rng.getrandbits(128):032x}"}
        self._cost(
            duration_ms + rng.randrange(200, 2_000),
            "twilio",
            operation,
            minutes,
            "minutes",
            metadata=sid,
            **_tagged(self._tags.telephony),
        )
        if outcome == "completed" and rng.randrange(3) == 0:
            tokens = rng.randrange(400, 1_600)
            offset_ms = duration_ms + rng.randrange(800, 2_500)
            self._cost(offset_ms, "cerebras", "extraction", tokens, "tokens", model="llama3.1-8b")

    def _billing(self, duration_ms: int, outcome: str) -> None:
        """Charge most calls; a completed call without a charge gets the default charge."""
        rng = self._rng
        charged = {"completed": 75, "terminated": 40, "failed": 0}[outcome]
        if rng.randrange(100) >= charged:
            return
        cents = _CALL_PRICE_CENTS if rng.randrange(12) else rng.choice((299, 999))
        fee = {"fee": tenths((cents * 29 + 30_500) // 1_000).scaleb(-1)}
        charged_ms = duration_ms + rng.randrange(1_500, 6_000)
        self._add(
            charged_ms,
            BILLING,
            "call.charged",
            userId=self._user,
            amount=tenths(cents).scaleb(-1),
            **(fee if rng.randrange(2) else {}),
        )
        if rng.randrange(50) == 0:
            refunded = cents if rng.randrange(2) else cents // 2
            self._add(
                charged_ms + rng.randrange(20_000, 90_000),
                BILLING,
                "call.refunded",
                userId=self._user,
                amount=tenths(refunded).scaleb(-1),
            )

    def _corrections(self, duration_ms: int) -> None:
        """Void a cost in one of forty calls."""
        rng = self._rng
        if rng.randrange(40):
            return
        wrong = rng.choice([event for event in self._events if event.type == "cost.recorded"])
        self._add(
            duration_ms + rng.randrange(3_000, 30_000),
            BILLING,
            "cost.voided",
            voids={"source": wrong.source, "id": wrong.id},
            reason="recorded for the wrong call",
        )

    def _delay_events(self) -> list[SimulatedEvent]:
        """Delay some events: one of thirty by up to a minute, all of a late call by a day."""
        rng, late_ms = self._rng, self._late_ms
        return [
            event._replace(delay_ms=late_ms + (0 if rng.randrange(30) else rng.randrange(60_000)))
            for event in self._events
        ]


def _tagged(tags: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return the field `tags` of an event, if there are any."""
    return {"tags": tags} if tags else {}
