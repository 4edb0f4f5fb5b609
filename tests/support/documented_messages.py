"""Checks the records that tests read from published topics against the AsyncAPI document."""

import json
from decimal import Decimal
from functools import cache
from typing import Any, Final

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from api.asyncapi.__main__ import async_document

_URI: Final = "urn:asyncapi"


@cache
def document() -> dict[str, Any]:
    """Return the AsyncAPI document."""
    return async_document()


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Return a validator of a schema of the document."""
    registry = Registry().with_resource(_URI, DRAFT202012.create_resource(document()))
    return Draft202012Validator(
        json.loads(json.dumps(schema).replace('"#/', f'"{_URI}#/')),
        registry=registry,
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


@cache
def _payloads(topic: str) -> Draft202012Validator | None:
    """Return the validator of the values that the product sends to a topic; None for others."""
    for operation in document()["operations"].values():
        name = operation["channel"]["$ref"].rsplit("/", 1)[-1]
        channel = document()["channels"][name]
        if channel["address"] != topic or operation["action"] != "send":
            continue
        messages = [
            document()["components"]["messages"][one["$ref"].rsplit("/", 1)[-1]]
            for one in operation["messages"]
        ]
        return validator({"anyOf": [one.get("payload", {}) for one in messages]})
    return None


def check_record(topic: str, value: bytes | None) -> None:
    """Raise ValidationError for a published value that the document does not describe."""
    payloads = _payloads(topic)
    if payloads is not None and not topic.endswith(".dlq"):
        payloads.validate(None if value is None else json.loads(value, parse_float=Decimal))
