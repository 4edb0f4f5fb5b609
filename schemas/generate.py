"""Writes the JSON Schemas in `schemas/json/` from the types that decode and encode these messages.

`python -m schemas.generate` writes them, `--check` only says which are out of date. How a type is
described is said in `schemas.described`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from schemas.advice import Recommendations
from schemas.alerts import PublishedAlert, PublishedCutoff
from schemas.analytics import Analytics
from schemas.anomalies import AnomalyList, PublishedAnomaly
from schemas.budgets import (
    AlertList,
    Authorization,
    AuthorizationRequest,
    Budget,
    BudgetChange,
)
from schemas.call_lists import CallPage, EventPage
from schemas.cloudevents import Envelope
from schemas.costs import CallCost, Spending
from schemas.deliveries import DeliveryRecord
from schemas.described import Way, described
from schemas.forecasts import Forecast
from schemas.intake import Accepted, Finalize, Track
from schemas.live import (
    LiveAlert,
    LiveBudget,
    LiveChange,
    LivePing,
    LivePong,
    LiveSnapshot,
    LiveSubscribe,
    LiveTicket,
)
from schemas.notices import Channels, Deliveries, NewChannel, Proof, WantedChannel, WebhookEvent
from schemas.prices import (
    PriceEntered,
    PriceEntry,
    PriceList,
    PriceProposal,
    RerateReport,
)
from schemas.problems import Failure
from schemas.reconciliation import ReconciliationBody
from schemas.replies import Success
from schemas.totals import CallTotal

FOLDER: Final = Path(__file__).parent / "json"


class Message(NamedTuple):
    """A message that crosses a boundary: what is said of it, its type, and which way it goes."""

    title: str
    kind: Any
    incoming: bool


MESSAGES: Final[Mapping[str, Message]] = {
    **{
        kind.kind: Message(f"CloudEvent {kind.kind}, structured mode", kind, True)
        for kind in get_args(Envelope)
    },
    "call-total": Message("A call's totals, on the topic cost.call-totals.v1", CallTotal, False),
    "call-cost": Message("GET /api/costs/call/{callId}", Success[CallCost], False),
    "spending": Message("GET /api/costs/user/{userId}/spending", Success[Spending], False),
    "calls": Message("GET /api/costs/user/{userId}/calls", Success[CallPage], False),
    "call-events": Message("GET /api/costs/call/{callId}/events", Success[EventPage], False),
    "budget": Message("GET and PUT /api/costs/user/{userId}/budget", Success[Budget], False),
    "budget-change": Message("What PUT /api/costs/user/{userId}/budget takes", BudgetChange, True),
    "alerts": Message("GET /api/costs/user/{userId}/alerts", Success[AlertList], False),
    "authorization-request": Message(
        "What POST /api/costs/user/{userId}/authorize takes", AuthorizationRequest, True
    ),
    "authorization": Message(
        "POST /api/costs/user/{userId}/authorize", Success[Authorization], False
    ),
    "budget-alert": Message(
        "A budget alert, `data` on the topic cost.budget-alerts.v1", PublishedAlert, False
    ),
    "call-cutoff": Message(
        "A request to end a call, `data` on the topic cost.call-commands.v1", PublishedCutoff, False
    ),
    "anomalies": Message("GET …/anomalies, of a user or everyone", Success[AnomalyList], False),
    "cost-anomaly": Message("An anomaly, `data` on cost.anomalies.v1", PublishedAnomaly, False),
    "delivery": Message("A delivery, on the topic cost.deliveries.v1", DeliveryRecord, False),
    "forecast": Message("GET /api/costs/user/{userId}/forecast", Success[Forecast], False),
    "recommendations": Message(
        "GET /api/costs/user/{userId}/recommendations", Success[Recommendations], False
    ),
    "track": Message("What POST /api/costs/track takes", Track, True),
    "finalize": Message("What POST /api/costs/call/{callId}/finalize takes", Finalize, True),
    "accepted": Message("POST /api/costs/track, …/finalize and /events", Success[Accepted], False),
    "analytics": Message("GET /api/admin/costs/analytics", Success[Analytics], False),
    "reconciliation": Message("GET /api/admin/reconciliation", Success[ReconciliationBody], False),
    "live-snapshot": Message("GET /api/costs/live, the first message", LiveSnapshot, False),
    "live-call": Message("GET /api/costs/live, when a call has changed", LiveChange, False),
    "live-budget": Message("GET /api/costs/live, when the budget has moved", LiveBudget, False),
    "live-alert": Message("GET /api/costs/live, when an alert was raised", LiveAlert, False),
    "live-pong": Message("GET /api/costs/live, the answer to a ping", LivePong, False),
    "live-subscribe": Message("What GET /api/costs/live takes", LiveSubscribe, True),
    "live-ping": Message("What GET /api/costs/live takes too", LivePing, True),
    "live-ticket": Message("POST /api/costs/live/ticket", Success[LiveTicket], False),
    "channels": Message("GET /api/costs/user/{userId}/channels", Success[Channels], False),
    "channel-made": Message("What POST …/channels answers", Success[NewChannel], False),
    "channel-wanted": Message("What POST …/channels takes", WantedChannel, True),
    "channel-proof": Message("What POST …/channels/{channelId}/verify takes", Proof, True),
    "channel-deliveries": Message(
        "GET …/channels/{channelId}/deliveries", Success[Deliveries], False
    ),
    "webhook": Message("What a webhook gets, signed by Standard Webhooks", WebhookEvent, False),
    "prices": Message("GET /api/admin/prices", Success[PriceList], False),
    "price-entry": Message("What POST /api/admin/prices takes", PriceEntry, True),
    "price-entered": Message("POST /api/admin/prices", Success[PriceEntered], False),
    "price-proposal": Message(
        "POST /api/admin/prices/{proposalId}/approve and /reject", Success[PriceProposal], False
    ),
    "rerate": Message("POST /api/admin/prices/rerate", Success[RerateReport], False),
    "failure": Message("Any answer of the REST interface but a success", Failure, False),
}
"""By the name of the file, without `.schema.json`."""


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a message; raises KeyError for a name that is none."""
    message = MESSAGES[name]
    (schema,), parts = described([Way(message.kind, message.incoming)], "#/$defs/{name}")
    whole = parts.pop(schema["$ref"].rsplit("/", 1)[-1])
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:cost-analytics:{name}:1",
    }
    return {**head, **whole, "title": message.title} | ({"$defs": parts} if parts else {})


def files() -> dict[Path, str]:
    """Return the content of every schema file."""
    return {
        FOLDER / f"{name}.schema.json": json.dumps(schema_of(name), indent=2, ensure_ascii=False)
        + "\n"
        for name in MESSAGES
    }


def out_of_date() -> list[str]:
    """Return the names of files that are missing, that differ, or that should not be there."""
    expected = files()
    found = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*")}
    return sorted(
        path.name
        for path in expected.keys() | found.keys()
        if expected.get(path) != found.get(path)
    )


def main() -> int:
    """Write the files, or with `--check` compare them; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m schemas.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    stale = out_of_date()
    if parser.parse_args().check:
        sys.stdout.writelines(f"{name} is out of date\n" for name in stale)
        return 1 if stale else 0
    expected = files()
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        path = FOLDER / name
        if path in expected:
            path.write_text(expected[path], encoding="utf-8")
        else:
            path.unlink()
        sys.stdout.write(f"{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
