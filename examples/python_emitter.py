"""A voice bot that reports what a call costs, beside a running `make run`.

python examples/python_emitter.py --url http://127.0.0.1:8080 --token TOKEN, where TOKEN is a key of
`cost-analytics keys create --service voice-bot --scope ingest`. The call appears on the dashboard,
at the page Live of the user `demo`, while it lasts.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from decimal import Decimal

from cost_analytics_emitter import Emitter, openai_chat_usages

TURNS = 5
LEG_SECONDS = 75
# The prices with which the product starts, in US dollars: a second of speech, a token in and out, a
# character, a minute of the leg.
SECOND = Decimal("0.0059") / 60
TOKEN_IN, TOKEN_OUT = Decimal("0.00001"), Decimal("0.00003")
CHARACTER, MINUTE = Decimal("0.00015"), Decimal("0.014")


async def answer(question: str, speed: float) -> dict[str, int]:
    """Stand in for a model: return the `usage` that it reports for a question."""
    await asyncio.sleep(speed)
    return {"prompt_tokens": 300 + 40 * len(question), "completion_tokens": 40}


async def talk(emitter: Emitter, speed: float) -> tuple[str, Decimal]:
    """Hold one call; return its id and its costs. Each answer takes `speed` seconds."""
    costs = Decimal()
    async with emitter.call(user="demo", persona="brad_001", direction="outbound") as call:
        for turn in range(TURNS):
            call.usage("deepgram", "streaming_stt", "4.2", "seconds", model="nova-2")
            usage = await answer("How are you?" * (turn + 1), speed)
            call.llm_usage(openai_chat_usages, usage, service="openai", model="gpt-4-turbo")
            call.usage("elevenlabs", "tts", 180, "characters", model="eleven_turbo_v2_5")
            costs += Decimal("4.2") * SECOND + 180 * CHARACTER
            costs += usage["prompt_tokens"] * TOKEN_IN + usage["completion_tokens"] * TOKEN_OUT
        call.usage("twilio", "outbound_call", LEG_SECONDS, "seconds")
        costs += LEG_SECONDS * MINUTE / 60
        call.charge("4.99")
    return call.call_id, costs


def main() -> int:
    """Report one call, and print how many events were sent."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    parser = argparse.ArgumentParser(description="Reports a call of five turns.")
    parser.add_argument("--url", required=True, help="the address of Cost Analytics")
    parser.add_argument("--token", required=True, help="the key of this service")
    parser.add_argument("--speed", type=float, default=1.0, help="seconds that an answer takes")
    arguments = parser.parse_args()
    with Emitter(arguments.url, arguments.token, source="/examples/python") as emitter:
        call_id, costs = asyncio.run(talk(emitter, arguments.speed))
        is_sent = emitter.flush(10)
        counters = emitter.counters()
    sys.stdout.write(f"{counters.sent} events sent of {counters.accepted}\n")
    sys.stdout.write(f"call {call_id} costs {costs.normalize():f} USD\n")
    return 0 if is_sent and not counters.refused else 1


if __name__ == "__main__":
    sys.exit(main())
