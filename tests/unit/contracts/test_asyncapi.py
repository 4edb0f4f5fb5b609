"""The AsyncAPI document is valid, complete, and its examples are what the product sends and reads."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from api.asyncapi.channels import CHANNELS
from api.asyncapi.examples import START
from schemas.cloudevents import Window, decode
from schemas.events import DATA_TYPES
from schemas.topics import ALL_TOPICS
from tests.support.api import ApiClient, served
from tests.support.documented_messages import document, validator
from tests.support.parser import parse_asyncapi

DOCUMENT = document()
MESSAGES: dict[str, dict[str, Any]] = DOCUMENT["components"]["messages"]


@pytest.fixture
async def api() -> AsyncIterator[ApiClient]:
    async with served() as api:
        yield api


async def test_document_is_served_without_a_token(api: ApiClient) -> None:
    answer = await api.get("/asyncapi.json")
    assert json.loads(answer.body) == DOCUMENT


def test_every_topic_is_described_with_its_settings() -> None:
    channels = [one for one in DOCUMENT["channels"].values() if "kafka" in one["bindings"]]
    assert [one["address"] for one in channels] == [topic.name for topic in ALL_TOPICS]
    compacted = [
        one["address"] for one in channels if "topicConfiguration" in one["bindings"]["kafka"]
    ]
    assert compacted == [topic.name for topic in ALL_TOPICS if topic.compacted]


def examples() -> Iterator[Any]:
    for name, message in MESSAGES.items():
        for example in message.get("examples", ()):
            yield pytest.param(message, example, id=name)


@pytest.mark.parametrize(("message", "example"), list(examples()))
def test_example_fits_its_schema(message: dict[str, Any], example: dict[str, Any]) -> None:
    assert not list(validator(message["payload"]).iter_errors(example["payload"]))
    if "headers" in message:
        assert not list(validator(message["headers"]).iter_errors(example["headers"]))


def test_every_message_with_a_value_has_an_example() -> None:
    without = {name for name, message in MESSAGES.items() if not message.get("examples")}
    assert without == {"deadLetter", "callTotalRemoved"}


def test_examples_of_events_are_decoded_in_both_modes() -> None:
    window = Window.around(START + timedelta(minutes=1))
    seen = []
    for channel in CHANNELS:
        if channel.action != "receive":
            continue
        for message in channel.messages:
            [example] = MESSAGES[message.name]["examples"]
            headers = [(name, text.encode()) for name, text in example.get("headers", {}).items()]
            seen.append(decode(json.dumps(example["payload"]).encode(), headers, window).type)
    assert seen == [*DATA_TYPES, *DATA_TYPES]


def test_official_parser_accepts_the_document_and_finds_planted_faults() -> None:
    broken: dict[str, dict[str, Any]] = {
        name: json.loads(json.dumps(DOCUMENT))
        for name in ("wrong reference", "dropped message", "no action")
    }
    broken["wrong reference"]["components"]["schemas"]["LiveCall"]["properties"]["projection"] = {
        "$ref": "#/components/schemas/Gone"
    }
    del broken["dropped message"]["components"]["messages"]["callTotal"]
    del broken["no action"]["operations"]["sendLive"]["action"]
    found = parse_asyncapi({"own": DOCUMENT, **broken})
    assert not found.pop("own")
    for name, problems in found.items():
        assert problems, name
    assert "Gone" in found["wrong reference"][0]["message"]
    assert "callTotal" in found["dropped message"][0]["message"]
