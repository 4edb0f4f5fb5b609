"""A voice bot that reports what a call costs, beside a running `make run`.

python examples/python_emitter.py http://127.0.0.1:8080 TOKEN, where
`cost-analytics token --user voice-bot --role service` prints a token. The call appears on the
dashboard, at the page Live of the user `demo`, while it lasts.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time

from cost_analytics_emitter import Emitter, openai_chat_usages

TURNS = 5


async def answer(question: str, speed: float) -> dict[str, object]:
    """Stand in for a model: return the `usage` that it reports for a question."""
    await asyncio.sleep(speed)
    return {"prompt_tokens": 300 + 40 * len(question), "completion_tokens": 40}


async def talk(emitter: Emitter, speed: float) -> str:
    """Hold one call and return its id; each answer takes `speed` seconds."""
    began = time.monotonic()
    async with emitter.call(user="demo", persona="brad_001", direction="outbound") as call:
        for turn in range(TURNS):
            call.usage("deepgram", "streaming_stt", 4.2, "seconds", model="nova-2")
            usage = await answer("How are you?" * (turn + 1), speed)
            call.llm_usage(openai_chat_usages, usage, service="openai", model="gpt-4-turbo")
            call.usage("elevenlabs", "tts", 180, "characters", model="eleven_turbo_v2_5")
        seconds = round(time.monotonic() - began, 1)
        call.usage("twilio", "outbound_call", seconds, "seconds")
        call.charge("4.99")
    return call.call_id


def main() -> int:
    """Report one call, and say what became of its events."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    if len(sys.argv) < 3:
        sys.exit("usage: python examples/python_emitter.py URL TOKEN [SECONDS_PER_TURN]")
    speed = float(sys.argv[3]) if len(sys.argv) > 3 else 1.0
    with Emitter(sys.argv[1], sys.argv[2]) as emitter:
        call_id = asyncio.run(talk(emitter, speed))
        is_sent = emitter.flush(10)
        counters = emitter.counters()
    sys.stdout.write(f"call {call_id}: {counters.sent} events sent of {counters.accepted}\n")
    return 0 if is_sent and not counters.refused else 1


if __name__ == "__main__":
    sys.exit(main())
