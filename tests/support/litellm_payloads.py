"""LiteLLM's generic callback: payloads of requests, and deliveries of them as its logger sends them.

The shape is `StandardLoggingPayload` of litellm 1.110.2 (`litellm/types/utils.py`), the formats are
`single` and `json_array` of `litellm/integrations/generic_api/generic_api_callback.py`.
"""

import random
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tests.support.webhooks import packed, recorded

Payload = dict[str, Any]


def payload(**changes: Any) -> Payload:
    """Return a successful request that ended a minute ago."""
    made: Payload = recorded("litellm-standard-logging-payload")
    end = Decimal(int(time.time()) - 60)
    return {**made, "startTime": end - 1, "endTime": end, **changes}


def payloads(number: int, calls: int) -> list[Payload]:
    """Return requests of several calls, of which some are answered by LiteLLM's cache."""
    made = []
    for index in range(number):
        is_cached = index % 7 == 3
        one = payload(
            id=f"chatcmpl-{index}" + ("_cache_hit1796029200.5" if is_cached else ""),
            cache_hit=is_cached or None,
            response_cost=Decimal(0) if is_cached else Decimal(index + 1).scaleb(-5),
        )
        one["metadata"] = {
            **one["metadata"],
            "requester_metadata": {"call_id": f"c{index % calls}"},
        }
        made.append(one)
    return made


def deliveries(requests: Sequence[Payload], seed: int, repeats_percent: int) -> list[bytes]:
    """Return bodies of one payload and of batches, with repeats and in any order."""
    chance = random.Random(seed)
    sent = [*requests, *(one for one in requests if chance.randrange(100) < repeats_percent)]
    chance.shuffle(sent)
    bodies = []
    while sent:
        batch = [sent.pop() for _ in range(min(len(sent), chance.randrange(1, 40)))]
        bodies += [packed(one) for one in batch] if chance.random() < 0.5 else [packed(batch)]
    return bodies
