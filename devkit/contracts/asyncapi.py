"""Finds incompatible changes between two AsyncAPI documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from devkit.contracts.references import Change, Document, JsonObject
from devkit.contracts.schemas import SchemaComparison, ValueDirection

DIRECTIONS: dict[str, ValueDirection] = {"receive": "received", "send": "sent"}


def asyncapi_changes(old: Document, new: Document) -> Iterator[Change]:
    """Yield what a producer or consumer of the old document could not use any more."""
    for name, channel in old.content["channels"].items():
        after = new.content["channels"].get(name)
        if after is None:
            yield Change(channel["address"], "was removed")
        else:
            yield from _channel_changes(channel, after)
    schemas = SchemaComparison(old, new)
    for name, operation in old.content["operations"].items():
        after = new.content["operations"].get(name)
        if after is None or after["action"] != operation["action"]:
            yield Change(name, "was removed")
            continue
        messages = _messages(new, after)
        for title, message in _messages(old, operation).items():
            if title not in messages:
                yield Change(title, "was removed")
                continue
            direction = DIRECTIONS[operation["action"]]
            yield from _message_changes(schemas, message, messages[title], title, direction)


def _channel_changes(old: JsonObject, new: JsonObject) -> Iterator[Change]:
    place = old["address"]
    if new["address"] != place:
        yield Change(place, f"was renamed to {new['address']}")
    policies = [_cleanup_policy(one) for one in (old, new)]
    if policies[0] != policies[1]:
        yield Change(place, f"changed its cleanup.policy from {policies[0]} to {policies[1]}")


def _cleanup_policy(channel: JsonObject) -> list[str]:
    settings = channel.get("bindings", {}).get("kafka", {}).get("topicConfiguration", {})
    return list(settings.get("cleanup.policy", ["delete"]))


def _messages(document: Document, operation: JsonObject) -> dict[str, Any]:
    """Return the messages of an operation by name."""
    found = [document.resolve(one) for one in operation["messages"]]
    return {message["name"]: message for message in found}


def _message_changes(
    schemas: SchemaComparison,
    old: JsonObject,
    new: JsonObject,
    name: str,
    direction: ValueDirection,
) -> Iterator[Change]:
    if old["contentType"] != new["contentType"]:
        yield Change(name, f"is {new['contentType']} now, not {old['contentType']}")
    for part in ("headers", "payload"):
        place = f"{name}.{part}"
        if part in old and part not in new and direction == "sent":
            yield Change(place, "may be anything now")
        elif part in new and part not in old and direction == "received":
            yield Change(place, "is restricted now")
        elif part in old and part in new:
            yield from schemas.changes(old[part], new[part], place, direction)
