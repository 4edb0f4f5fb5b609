"""A bot behind a LiteLLM proxy, whose generic callback reports the cost of each request.

python examples/litellm_callback.py --url http://127.0.0.1:8080 --token KEY --admin-token TOKEN

The bot reports its call with the emitter. The costs of its models come from the proxy: what
`LiteLLMProxy` sends has the shape of LiteLLM's StandardLoggingPayload, in batches as LiteLLM's
logger sends them, one of them twice.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from decimal import Decimal
from typing import Any
from urllib.request import Request, urlopen

from cost_analytics_emitter import Emitter

TURNS = 5
TOKEN_IN, CACHED_TOKEN, TOKEN_OUT = Decimal("0.0000025"), Decimal("0.00000125"), Decimal("0.00001")


def post(url: str, token: str, body: object) -> Any:
    """Send JSON with a bearer token and return the response."""
    request = Request(  # noqa: S310 - the address is given by the caller
        url,
        data=json.dumps(body, default=float).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urlopen(request, timeout=10) as response:  # noqa: S310
        return json.load(response)


class LiteLLMProxy:
    """Stands in for a proxy: answers requests, and reports them to its callback in batches."""

    def __init__(self, endpoint: str, secret: str) -> None:
        # GENERIC_LOGGER_ENDPOINT and GENERIC_LOGGER_HEADERS of a real proxy.
        self._endpoint, self._secret = endpoint, secret
        self._queue: list[dict[str, Any]] = []
        self.costs = Decimal()

    def complete(self, prompt: int, cached: int, metadata: dict[str, str]) -> None:
        """Answer a request to a model."""
        completion = 45
        cost = (prompt - cached) * TOKEN_IN + cached * CACHED_TOKEN + completion * TOKEN_OUT
        self.costs += cost
        ended = time.time()
        self._queue.append(
            {
                "id": f"chatcmpl-{time.time_ns()}",
                "call_type": "acompletion",
                "status": "success",
                "response_cost": cost,
                "custom_llm_provider": "openai",
                "model": "gpt-4o",
                "model_group": "voice-model",
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "startTime": ended - 0.8,
                "endTime": ended,
                "cache_hit": None,
                "end_user": metadata["user_id"],
                "metadata": {
                    "requester_metadata": metadata,
                    "usage_object": {"prompt_tokens_details": {"cached_tokens": cached}},
                },
            }
        )

    def flush(self) -> None:
        """Send what is queued, as LiteLLM does every five seconds."""
        post(self._endpoint, self._secret, self._queue)

    def clear(self) -> None:
        """Forget what was sent."""
        self._queue = []


def main() -> int:
    """Hold one call, and report its costs by the callback."""
    parser = argparse.ArgumentParser(description="Reports requests as LiteLLM's callback does.")
    parser.add_argument("--url", required=True, help="the address of Cost Analytics")
    parser.add_argument("--token", required=True, help="the key of this service")
    parser.add_argument("--admin-token", required=True, help="a token of an administrator")
    arguments = parser.parse_args()
    wanted = {"provider": "litellm", "name": "the proxy of the example"}
    made = post(f"{arguments.url}/api/admin/webhooks", arguments.admin_token, wanted)["data"]
    proxy = LiteLLMProxy(f"{arguments.url}{made['item']['path']}", made["secret"])
    with Emitter(arguments.url, arguments.token, source="/examples/litellm") as emitter:
        with emitter.call(user="demo", persona="brad_001", direction="inbound") as call:
            for turn in range(TURNS):
                metadata = {"call_id": call.call_id, "user_id": "demo"}
                proxy.complete(600 + 100 * turn, 256 if turn else 0, metadata)
                if turn == 2:
                    proxy.flush()  # and again with the rest: the answer was lost
            proxy.flush()
            proxy.clear()
        is_sent = emitter.flush(10)
    sys.stdout.write(f"call {call.call_id} costs {proxy.costs.normalize():f} USD\n")
    return 0 if is_sent else 1


if __name__ == "__main__":
    sys.exit(main())
