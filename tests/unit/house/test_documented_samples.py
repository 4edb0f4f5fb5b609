"""The JSON samples of the documents fit their schemas, and have no field that these do not name."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest
from jsonschema import Draft202012Validator

from schemas import generate
from tests.support import documented_answers
from tests.support.house import ROOT

_BLOCK: Final = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROUTE: Final = re.compile(r"([A-Z]+) (/[^\s,]+)")


class Sample(NamedTuple):
    """A JSON block of a page, with its schema and the document that the schema refers to."""

    title: str
    value: Any
    schema: dict[str, Any]
    root: dict[str, Any]


def blocks_of(page: str) -> list[str]:
    return _BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))


def of_file(page: str, name: str, value: Any) -> Sample:
    """Return a sample whose schema is a file of `schemas/json`."""
    schema = json.loads((generate.FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    return Sample(f"{page}: {name}", value, schema, schema)


def samples() -> Iterator[Sample]:
    """Yield the samples of the documents, except failures of the API."""
    for block in blocks_of("events.md"):
        event = json.loads(block)
        yield of_file("events.md", event["type"], event)
    for page, name in (("alerts.md", "budget-alert"), ("anomalies.md", "cost-anomaly")):
        [block] = blocks_of(page)
        yield of_file(page, name, json.loads(block)["data"])
    root = documented_answers.openapi_document()
    [block] = blocks_of("budgets.md")
    wanted = documented_answers.part("WantedGlobalBudget")
    yield Sample("budgets.md", json.loads(block), wanted, root)
    for title, value in answers():
        yield Sample(title, value, schema_of(title, value), root)


def answers() -> Iterator[tuple[str, Any]]:
    """Yield each sample of docs/api.md with the heading of its section."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        for block in _BLOCK.findall(section):
            value = json.loads(block)
            if value.get("success") is not False:
                yield section.splitlines()[0], value


def schema_of(title: str, value: Any) -> dict[str, Any]:
    """Return the schema of a sample of docs/api.md: an answer, a message of the feed, or groups."""
    route = _ROUTE.match(title)
    assert route
    operation = documented_answers.operation(route[1], re.sub(r"{\w+}", "x", route[2]))
    assert operation
    if "success" not in value:
        found = operation.get("x-websocket", {}).get("sent", documented_answers.part("CostGroups"))
        return dict(found)
    [status] = [status for status in operation["responses"] if status[0] == "2"]
    content = documented_answers.resolved(operation["responses"][status])["content"]
    return dict(content["application/json"]["schema"])


SAMPLES: Final = [pytest.param(sample, id=sample.title) for sample in samples()]


def unnamed_fields(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> list[str]:
    """Return the fields of a value, at any depth, that its schema does not name."""
    parts = alternatives(schema, root)
    if isinstance(value, list):
        items: dict[str, Any] = next((part["items"] for part in parts if "items" in part), {})
        return [name for one in value for name in unnamed_fields(one, items, root)]
    if not isinstance(value, dict):
        return []
    return min((_unnamed_of(value, part, root) for part in parts), key=len)


def alternatives(schema: dict[str, Any], root: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the schemas of which a value fits one, without references."""
    while "$ref" in schema:
        found: Any = root
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        schema = found
    choices = schema.get("anyOf") or schema.get("oneOf")
    if not choices or "properties" in schema:
        return [schema]
    found = [part for choice in choices for part in alternatives(choice, root)]
    return [part for part in found if part.get("type") != "null"]


def _unnamed_of(value: dict[str, Any], part: dict[str, Any], root: dict[str, Any]) -> list[str]:
    wholes = [one for whole in part.get("allOf", []) for one in alternatives(whole, root)]
    named: dict[str, Any] = {}
    for one in (part, *wholes):
        named |= one.get("properties", {})
    others = part.get("additionalProperties")
    result: list[str] = []
    for name, one in value.items():
        if name in named:
            result += unnamed_fields(one, named[name], root)
        elif isinstance(others, dict):
            result += unnamed_fields(one, others, root)
        elif named:
            result.append(name)
    return result


@pytest.mark.parametrize("sample", SAMPLES)
def test_sample_fits_its_schema_and_has_no_other_field(sample: Sample) -> None:
    if sample.root is sample.schema:
        Draft202012Validator(sample.schema).validate(sample.value)
    else:
        documented_answers.assert_fits(json.dumps(sample.value).encode(), sample.schema)
    assert unnamed_fields(sample.value, sample.schema, sample.root) == []


def test_published_messages_are_shown_with_every_field() -> None:
    for page, name in (("alerts.md", "budget-alert"), ("anomalies.md", "cost-anomaly")):
        [block] = blocks_of(page)
        sample = of_file(page, name, json.loads(block)["data"])
        assert sample.value.keys() == sample.schema["properties"].keys()


def test_a_renamed_field_is_found() -> None:
    sample = next(one for one in samples() if one.title == "GET /api/costs/user/{userId}/spending")
    sample.value["data"]["daily"][0]["costOfServices"] = {}
    assert unnamed_fields(sample.value, sample.schema, sample.root) == ["costOfServices"]
