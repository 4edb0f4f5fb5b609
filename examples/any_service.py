"""A service that sends webhooks in a form of its own: a mapping makes events of them.

python examples/any_service.py --url http://127.0.0.1:8080 --token KEY --admin-token TOKEN
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.request import Request, urlopen

# A minute of a leg, in US dollars; ten minutes are billed in items of five.
MINUTE = Decimal("0.014")
MAPPING: dict[str, Any] = {
    "source": "/examples/any-service",
    "all": {"time": "/at", "callId": "/session/id", "userId": "/session/customer"},
    "event": [
        {
            "type": "call.started",
            "when": {"/event": "session.opened"},
            "id": {"join": ["/session/id", "/event"]},
            "personaId": "/session/agent",
        },
        {
            "type": "cost.recorded",
            "when": {"/event": "session.billed"},
            "each": "/items",
            "id": {"join": ["/session/id", "./number"]},
            "service": "./vendor",
            "operation": "outbound_call",
            "usage": "./minutes",
            "unit": "minutes",
            "totalCost": {"at": "./millicents", "decimals": 5},
        },
        {
            "type": "call.ended",
            "when": {"/event": "session.closed"},
            "id": {"join": ["/session/id", "/event"]},
            "status": {"at": "/reason", "values": {"hangup": "completed"}, "default": "failed"},
            "duration_seconds": {"at": "/milliseconds", "decimals": 3},
        },
    ],
}


def post(url: str, token: str, body: object) -> Any:
    """Send JSON with a bearer token and return the response."""
    request = Request(  # noqa: S310 - the address is given by the caller
        url,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urlopen(request, timeout=10) as response:  # noqa: S310
        return json.load(response)


def main() -> int:
    """Send the webhooks of one session, each of them twice."""
    parser = argparse.ArgumentParser(description="Sends webhooks that a mapping reads.")
    parser.add_argument("--url", required=True, help="the address of Cost Analytics")
    parser.add_argument("--token", help="the key of a service; not used here")
    parser.add_argument("--admin-token", required=True, help="a token of an administrator")
    arguments = parser.parse_args()
    wanted = {"provider": "mapped", "name": "any service", "settings": {"map": MAPPING}}
    made = post(f"{arguments.url}/api/admin/webhooks", arguments.admin_token, wanted)["data"]
    session = {"id": f"session-{time.time_ns()}", "customer": "demo", "agent": "sarah_001"}
    items = [
        {"number": number, "vendor": "twilio", "minutes": 5, "millicents": 7_000}
        for number in range(2)
    ]
    for body in (
        {"event": "session.opened"},
        {"event": "session.billed", "items": items},
        {"event": "session.closed", "reason": "hangup", "milliseconds": 600_000},
    ):
        sent = {**body, "at": datetime.now(UTC).isoformat(), "session": session}
        for _ in range(2):
            post(f"{arguments.url}{made['item']['path']}", made["secret"], sent)
    sys.stdout.write(f"call {session['id']} costs {10 * MINUTE} USD\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
