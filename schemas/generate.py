"""Writes the JSON Schemas of events, topics, webhooks and live messages to `schemas/json/`.

They are generated from the types that decode and encode these messages. The REST API is described
by the OpenAPI document. `python -m schemas.generate` writes the files, `--check` only lists those
that are out of date. `schemas.described` describes a type.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from schemas.alerts import PublishedAlert, PublishedCutoff
from schemas.anomalies import PublishedAnomaly
from schemas.call_steps import PublishedDowngrade, PublishedWarn
from schemas.commands import ExecutedCommand
from schemas.deliveries import DeliveryRecord
from schemas.described import DescribedType, describe_types
from schemas.envelopes import Envelope
from schemas.live import (
    LiveAlert,
    LiveBudget,
    LiveChange,
    LivePing,
    LivePong,
    LiveSnapshot,
    LiveSubscribe,
)
from schemas.notices import WebhookEvent
from schemas.people import ErasedUserRecord, RewrittenFileRecord
from schemas.totals import CallTotal

FOLDER: Final = Path(__file__).parent / "json"


class Message(NamedTuple):
    """A message that crosses a boundary: its title, its type and whether it is received or sent."""

    title: str
    kind: Any
    incoming: bool


MESSAGES: Final[Mapping[str, Message]] = {
    **{
        kind.kind: Message(f"CloudEvent {kind.kind}, structured mode", kind, True)
        for kind in get_args(Envelope)
    },
    "call-total": Message("A call's totals, on the topic cost.call-totals.v1", CallTotal, False),
    "budget-alert": Message(
        "A budget alert, `data` on the topic cost.budget-alerts.v1", PublishedAlert, False
    ),
    "call-cutoff": Message(
        "A request to end a call, `data` on the topic cost.call-commands.v1", PublishedCutoff, False
    ),
    "call-warn": Message(
        "A request to say a closing sentence, `data` on the topic cost.call-commands.v1",
        PublishedWarn,
        False,
    ),
    "call-downgrade": Message(
        "A request to use a cheaper model, `data` on the topic cost.call-commands.v1",
        PublishedDowngrade,
        False,
    ),
    "cost-anomaly": Message("An anomaly, `data` on cost.anomalies.v1", PublishedAnomaly, False),
    "delivery": Message("A delivery, on the topic cost.deliveries.v1", DeliveryRecord, False),
    "executed-command": Message(
        "An executed command, on the topic cost.executed-commands.v1", ExecutedCommand, False
    ),
    "erased-user": Message("An erasure, on the topic cost.erasures.v1", ErasedUserRecord, False),
    "rewritten-archive": Message(
        "A rewritten archive file, on the topic cost.erasures.v1", RewrittenFileRecord, False
    ),
    "live-snapshot": Message("GET /api/costs/live, the first message", LiveSnapshot, False),
    "live-call": Message("GET /api/costs/live, when a call has changed", LiveChange, False),
    "live-budget": Message("GET /api/costs/live, when the budget has changed", LiveBudget, False),
    "live-alert": Message("GET /api/costs/live, when an alert was raised", LiveAlert, False),
    "live-pong": Message("GET /api/costs/live, the reply to a ping", LivePong, False),
    "live-subscribe": Message("GET /api/costs/live, a client's subscription", LiveSubscribe, True),
    "live-ping": Message("GET /api/costs/live, a client's ping", LivePing, True),
    "webhook": Message("The body of a webhook, signed by Standard Webhooks", WebhookEvent, False),
}
"""The messages, by file name without `.schema.json`."""


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a message; raises KeyError for an unknown name."""
    message = MESSAGES[name]
    (schema,), parts = describe_types(
        [DescribedType(message.kind, message.incoming)], "#/$defs/{name}"
    )
    whole = parts.pop(schema["$ref"].rsplit("/", 1)[-1])
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:cost-analytics:{name}:1",
    }
    return {**head, **whole, "title": message.title} | ({"$defs": parts} if parts else {})


def expected_files() -> dict[Path, str]:
    """Return the expected content of each schema file."""
    return {
        FOLDER / f"{name}.schema.json": json.dumps(schema_of(name), indent=2, ensure_ascii=False)
        + "\n"
        for name in MESSAGES
    }


def find_stale_files() -> list[str]:
    """Return the names of files that are missing, changed or superfluous."""
    expected = expected_files()
    stored = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*")}
    return sorted(
        path.name
        for path in expected.keys() | stored.keys()
        if expected.get(path) != stored.get(path)
    )


def main() -> int:
    """Write the files, or compare them with `--check`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m schemas.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    stale = find_stale_files()
    if parser.parse_args().check:
        sys.stdout.writelines(f"{name} is out of date\n" for name in stale)
        return 1 if stale else 0
    expected = expected_files()
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
