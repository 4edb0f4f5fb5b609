"""Generates the AsyncAPI document from the topics, the WebSocket's route and their types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args

from api.asyncapi import examples
from api.asyncapi.channels import CHANNELS, TopicChannel, TopicMessage
from api.asyncapi.live_examples import EXAMPLES
from api.http.access import Route
from api.openapi.operations import SocketMessages
from schemas.described import DescribedType, describe_types
from schemas.envelopes import EventAttributes
from schemas.topics import DEFAULT_PARTITIONS

ASYNCAPI: Final = "3.1.0"
LIVE: Final = "live"
_SCHEMAS: Final = "#/components/schemas/{name}"
_DESCRIPTION: Final = """\
Messages of Cost Analytics: the Kafka topics and the live WebSocket.

* Money is a number of US dollars, written exactly: a client that must not round reads JSON numbers
  as decimals. Fields that end in `_seconds`, `_percent` or `_usd` have that unit.
* Times are UTC. Consumers ignore fields and values that they do not know: both may be added.
* The product receives events from services and messages from clients; it sends all others.
* The REST API is described by `/openapi.json`."""
_NO_VALUE: Final = {"type": "null"}


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """Return the document; `version` is the product's version."""
    feed, socket = _socket(routes)
    incoming = [_live_message(kind) for kind in get_args(socket.received)]
    outgoing = [_live_message(kind) for kind in get_args(socket.sent)]
    components = _Components.of(
        [
            *((message, one.action == "receive") for one in CHANNELS for message in one.messages),
            *((message, True) for message in incoming),
            *((message, False) for message in outgoing),
        ]
    )
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "Cost Analytics",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {
            **{channel.name: _topic(channel) for channel in CHANNELS},
            LIVE: _live_channel(feed, socket, [*outgoing, *incoming]),
        },
        "operations": {
            **{
                f"{one.action}{one.name[0].upper()}{one.name[1:]}": _operation(
                    one.name, one.action, one.title, one.messages
                )
                for one in CHANNELS
            },
            "sendLive": _operation(LIVE, "send", "Send live messages", outgoing),
            "receiveLive": _operation(LIVE, "receive", "Receive messages of clients", incoming),
        },
        "components": {
            "messages": components.messages,
            "schemas": components.schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


class _Components:
    """The messages and the schemas that they refer to."""

    def __init__(self, messages: dict[str, Any], schemas: dict[str, Any]) -> None:
        self.messages = messages
        self.schemas = schemas

    @classmethod
    def of(cls, messages: Sequence[tuple[TopicMessage, bool]]) -> _Components:
        described = {
            DescribedType(message.payload, incoming)
            for message, incoming in messages
            if message.payload is not None
        }
        headers = DescribedType(EventAttributes, incoming=True)
        # In an order that is the same at each start.
        ordered = [headers, *sorted(described, key=repr)]
        schemas, named = describe_types(ordered, _SCHEMAS)
        found = dict(zip(ordered, schemas, strict=True))
        attributes = named.pop(found.pop(headers)["$ref"].rsplit("/", 1)[-1])
        return cls(
            {
                message.name: _message(
                    message, found.get(DescribedType(message.payload, incoming)), attributes
                )
                for message, incoming in messages
            },
            dict(sorted(named.items())),
        )


def _message(
    message: TopicMessage, payload: Mapping[str, Any] | None, attributes: Mapping[str, Any]
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": message.name,
        "title": message.title,
        "contentType": message.content_type,
    }
    if not message.is_raw:
        described["payload"] = payload or _NO_VALUE
    values: dict[str, str] = {}
    if message.attributes is not None:
        described["headers"] = _binary_headers(message.attributes, attributes)
        values = {
            f"ce_{name}": text for name, text in examples.attributes(message.attributes).items()
        }
    elif message.headers is not None:
        described["headers"] = {
            "type": "object",
            "required": [*message.headers],
            "properties": {
                name: {"type": "string", "description": text}
                for name, text in {**message.headers, **(message.optional_headers or {})}.items()
            },
        }
    if message.examples:
        described["examples"] = [
            {**({"headers": values} if values else {}), "payload": one} for one in message.examples
        ]
    return described


def _binary_headers(event_type: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the headers of a record in binary mode."""
    properties = {f"ce_{name}": one for name, one in attributes["properties"].items()}
    return {
        "type": "object",
        "required": [f"ce_{name}" for name in attributes["required"]],
        "properties": {**properties, "ce_type": {"const": event_type}},
    }


def _servers() -> dict[str, Any]:
    return {
        "kafka": {
            "host": "{bootstrap}",
            "protocol": "kafka",
            "description": "`KAFKA_BOOTSTRAP_SERVERS`. TLS and SASL are settings.",
            "variables": {"bootstrap": {"default": "localhost:9092"}},
        },
        "api": {
            "host": "{api}",
            "protocol": "wss",
            "description": "The API.",
            "variables": {"api": {"default": "localhost:8080"}},
        },
    }


def _topic(channel: TopicChannel) -> dict[str, Any]:
    settings: dict[str, Any] = {"topic": channel.topic.name, "partitions": DEFAULT_PARTITIONS}
    if channel.topic.compacted:
        settings["topicConfiguration"] = {"cleanup.policy": ["compact"]}
    return {
        "address": channel.topic.name,
        "title": channel.topic.name,
        "description": f"{channel.description}\n\nThe key of a record: {channel.key}",
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": dict(_references(channel.messages)),
        "bindings": {"kafka": {**settings, "bindingVersion": "0.5.0"}},
    }


def _live_channel(
    feed: Route, socket: SocketMessages, messages: Sequence[TopicMessage]
) -> dict[str, Any]:
    query = {
        one.name: {**one.schema, "description": one.description}
        for one in (feed.operation.query if feed.operation else ())
    }
    return {
        "address": feed.path,
        "title": feed.path,
        "description": socket.description,
        "servers": [{"$ref": "#/servers/api"}],
        "messages": dict(_references(messages)),
        "bindings": {
            "ws": {
                "method": feed.method,
                "query": {"type": "object", "properties": query},
                "bindingVersion": "0.1.0",
            }
        },
    }


def _references(messages: Sequence[TopicMessage]) -> Iterator[tuple[str, dict[str, str]]]:
    for message in messages:
        yield message.name, {"$ref": f"#/components/messages/{message.name}"}


def _operation(
    channel: str, action: str, title: str, messages: Sequence[TopicMessage]
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": f"{title}.",
        "messages": [
            {"$ref": f"#/channels/{channel}/messages/{message.name}"} for message in messages
        ],
    }
    if channel == LIVE:
        described["security"] = [{"$ref": "#/components/securitySchemes/bearer"}]
    return described


def _socket(routes: Sequence[Route]) -> tuple[Route, SocketMessages]:
    """Return the route of the WebSocket and its messages; there is exactly one."""
    [found] = (
        (route, route.operation.response)
        for route in routes
        if route.operation and isinstance(route.operation.response, SocketMessages)
    )
    return found


def _live_message(kind: Any) -> TopicMessage:
    """Return a message of the WebSocket, named `liveCall` for the `type` `call`."""
    tag = str(kind.__struct_config__.tag)
    return TopicMessage(
        name=f"live{tag.capitalize()}",
        title=f"{tag}, on the WebSocket",
        payload=kind,
        examples=(EXAMPLES[kind],),
    )
