"""The documents stay compatible with the last release, and each kind of breach is found."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing.exceptions import Unresolvable

from devkit.contracts.references import Document, UnknownReferenceError
from devkit.contracts.releases import (
    CHANGELOG,
    excused_places,
    find_changes,
    frozen_documents,
    newest_release,
    present_documents,
    unexcused_changes,
)
from devkit.contracts.schemas import SchemaComparison

PRESENT = present_documents()
Json = dict[str, Any]
Mutation = Callable[[dict[str, Json]], object]


def test_present_documents_are_compatible_with_the_last_release() -> None:
    changes = find_changes(frozen_documents(newest_release()), PRESENT)
    breaking = unexcused_changes(changes, CHANGELOG.read_text())
    assert not breaking, (
        "keep what clients use, or name the place in CHANGELOG.md, see python -m devkit.contracts --help:\n"
        + "\n".join(map(str, breaking))
    )


def test_frozen_documents_are_complete() -> None:
    frozen = frozen_documents(newest_release())
    assert {"openapi", "asyncapi", "cost.recorded", "call-total"} <= frozen.keys()
    for name, content in frozen.items():
        Document(name, content).check_references()
    assert not find_changes(frozen, frozen)


def documents(test: str) -> dict[str, Json]:
    """Return the documents that the name of a case begins with: comparing all takes long."""
    part = test.partition(":")[0]
    return (
        {part: PRESENT[part]}
        if part in PRESENT
        else {name: content for name, content in PRESENT.items() if "$defs" in content}
    )


def copy_of(documents: dict[str, Json]) -> dict[str, Json]:
    copied: dict[str, Json] = json.loads(json.dumps(documents))
    return copied


def schemas_of(documents: dict[str, Json], name: str) -> Json:
    result: Json = documents[name]["components"]["schemas"]
    return result


def fields(documents: dict[str, Json], name: str, part: str) -> Json:
    result: Json = schemas_of(documents, name)[part]["properties"]
    return result


def operation(documents: dict[str, Json], path: str, method: str = "get") -> Json:
    result: Json = documents["openapi"]["paths"][path][method]
    return result


SPENDING = "/api/costs/user/{userId}/spending"
BUDGET = "/api/costs/user/{userId}/budget"
MUTATIONS: dict[str, tuple[Mutation, str]] = {
    "openapi: removed field": (
        lambda docs: fields(docs, "openapi", "CallCost").pop("totalCost"),
        "`CallCost.totalCost` was removed",
    ),
    "openapi: optional output": (
        lambda docs: schemas_of(docs, "openapi")["CallCost"]["required"].remove("totalCost"),
        "`CallCost.totalCost` may be absent now",
    ),
    "openapi: null in output": (
        lambda docs: fields(docs, "openapi", "CallCost").update(
            totalCost={"type": ["number", "null"]}
        ),
        "`CallCost.totalCost` may now be null",
    ),
    "openapi: changed type": (
        lambda docs: fields(docs, "openapi", "CallCost").update(totalCost={"type": "string"}),
        "`CallCost.totalCost` changed its type from number to string",
    ),
    "openapi: removed route": (
        lambda docs: docs["openapi"]["paths"].pop(SPENDING),
        f"`GET {SPENDING}` was removed",
    ),
    "openapi: new required parameter": (
        lambda docs: operation(docs, SPENDING)["parameters"].append(
            {"name": "zone", "in": "query", "required": True, "schema": {"type": "string"}}
        ),
        f"`GET {SPENDING} zone` is required now",
    ),
    "openapi: removed parameter": (
        lambda docs: operation(docs, SPENDING)["parameters"].pop(1),
        f"`GET {SPENDING} period` is no longer accepted",
    ),
    "openapi: removed value of a parameter": (
        lambda docs: operation(docs, SPENDING)["parameters"][1]["schema"]["enum"].remove("7d"),
        f"`GET {SPENDING} period` no longer has the value '7d'",
    ),
    "openapi: new required field of a body": (
        lambda docs: schemas_of(docs, "openapi")["BudgetChange"].update(required=["timezone"]),
        "`BudgetChange.timezone` is required now",
    ),
    "openapi: narrower body": (
        lambda docs: fields(docs, "openapi", "BudgetChange")["timezone"].update(maxLength=3),
        "`BudgetChange.timezone` has maxLength 3 now",
    ),
    "openapi: narrower number of a body": (
        lambda docs: fields(docs, "openapi", "BudgetChange")["dailyLimit_usd"].update(
            anyOf=[{"type": "number", "minimum": 0, "maximum": 10}, {"type": "null"}]
        ),
        "`BudgetChange.dailyLimit_usd` has maximum 10 now, not 1000000000",
    ),
    "openapi: removed media type": (
        lambda docs: operation(docs, BUDGET)["responses"]["200"].update(content={}),
        f"`GET {BUDGET} 200` is not available as application/json any more",
    ),
    "openapi: public route needs a token": (
        lambda docs: operation(docs, "/health").pop("security"),
        "`GET /health` needs a token now",
    ),
    "asyncapi: removed topic": (
        lambda docs: [
            docs["asyncapi"]["operations"].pop("sendCallTotals"),
            docs["asyncapi"]["channels"].pop("callTotals"),
        ],
        "`cost.call-totals.v1` was removed",
    ),
    "asyncapi: renamed topic": (
        lambda docs: docs["asyncapi"]["channels"]["callTotals"].update(address="cost.totals.v2"),
        "`cost.call-totals.v1` was renamed to cost.totals.v2",
    ),
    "asyncapi: dropped message": (
        lambda docs: docs["asyncapi"]["operations"]["sendCallTotals"]["messages"].pop(0),
        "`callTotal` was removed",
    ),
    "asyncapi: removed field": (
        lambda docs: fields(docs, "asyncapi", "CallTotal").pop("totalCost"),
        "`CallTotal.totalCost` was removed",
    ),
    "asyncapi: narrowed type of input": (
        lambda docs: fields(docs, "asyncapi", "CostRecorded")["service"].update(maxLength=20),
        "`CostRecorded.service` has maxLength 20 now, not 255",
    ),
    "asyncapi: removed value of input": (
        lambda docs: fields(docs, "asyncapi", "CallEnded")["status"]["enum"].remove("failed"),
        "`CallEnded.status` no longer has the value 'failed'",
    ),
    "asyncapi: removed header": (
        lambda docs: docs["asyncapi"]["components"]["messages"]["deadLetter"]["headers"]["properties"].pop(
            "dlq.error.code"
        ),
        "`deadLetter.headers.dlq.error.code` was removed",
    ),
    "schema: removed field": (
        lambda docs: docs["cost.recorded"]["$defs"]["CostRecorded"]["properties"].pop("usage"),
        "`CostRecorded.usage` was removed",
    ),
    "schema: narrowed field": (
        lambda docs: docs["cost.recorded"]["$defs"]["CostRecorded"]["properties"].update(
            usage={"type": "number", "minimum": 0, "maximum": 10**12}
        ),
        "`CostRecorded.usage` no longer accepts string",
    ),
    "schema: new required field": (
        lambda docs: docs["call.ended"]["$defs"]["CallEnded"]["required"].append("userId"),
        "`CallEnded.userId` is required now",
    ),
    "schema: removed": (
        lambda docs: docs.pop("call-cutoff"),
        "`call-cutoff.schema.json` was removed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_incompatible_change_is_found(name: str) -> None:
    mutate, expected = MUTATIONS[name]
    before = documents(name)
    changed = copy_of(before)
    mutate(changed)
    assert expected in [str(change) for change in find_changes(before, changed)]


COMPATIBLE: dict[str, Mutation] = {
    "openapi: new field of output": lambda docs: fields(docs, "openapi", "CallCost").update(new={"type": "string"}),
    "asyncapi: new value of output": lambda docs: fields(docs, "asyncapi", "CallTotal")["status"]["enum"].append("paused"),
    "openapi: new optional field of input": lambda docs: fields(docs, "openapi", "BudgetChange").update(new={"type": "string"}),
    "asyncapi: new value of input": lambda docs: fields(docs, "asyncapi", "CallEnded")["status"]["enum"].append("paused"),
    "asyncapi: wider input": lambda docs: fields(docs, "asyncapi", "CostRecorded")["service"].update(maxLength=300),
    "openapi: new route": lambda docs: docs["openapi"]["paths"].update({"/api/new": {"get": {}}}),
    "openapi: new optional parameter": lambda docs: operation(docs, SPENDING)["parameters"].append(
        {"name": "zone", "in": "query", "schema": {"type": "string"}}
    ),
    "asyncapi: new topic": lambda docs: docs["asyncapi"]["channels"].update(new={"address": "cost.new.v1"}),
    "openapi: new description": lambda docs: docs["openapi"]["info"].update(description=""),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPATIBLE)
def test_compatible_change_is_allowed(name: str) -> None:
    before = documents(name)
    changed = copy_of(before)
    COMPATIBLE[name](changed)
    assert find_changes(before, changed) == []


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_wrong_reference_is_refused(name: str) -> None:
    before = documents(name)
    changed = copy_of(before)
    fields(changed, name, "LiveCall")["projection"] = {"$ref": "#/components/schemas/Gone"}
    with pytest.raises(UnknownReferenceError, match="Gone leads nowhere"):
        find_changes(before, changed)
    if name == "openapi":  # the parser of AsyncAPI is tested beside its document
        with pytest.raises(Unresolvable, match="Gone"):
            OpenAPIV31SpecValidator(changed[name]).validate()


def test_changelog_excuses_only_the_places_that_it_names() -> None:
    before = documents("openapi")
    changed = copy_of(before)
    fields(changed, "openapi", "CallCost").pop("totalCost")
    fields(changed, "openapi", "CallCost").pop("callId")
    changes = find_changes(before, changed)
    head = "# Changelog\n\n## [Unreleased]\n\n"
    named = head + "### Incompatible changes\n\n- `CallCost.totalCost` is now `CallCost.cost`.\n"
    assert [one.place for one in unexcused_changes(changes, named)] == ["CallCost.callId"]
    later = (
        head
        + "### Other\n\n- `CallCost.totalCost`\n\n## [0.1.0]\n\n### Incompatible changes\n\n- `CallCost.callId`\n"
    )
    assert unexcused_changes(changes, later) == changes
    assert excused_places(named) == {"CallCost.totalCost", "CallCost.cost"}


def changes_of(old: Json, new: Json, direction: Any) -> list[str]:
    comparison = SchemaComparison(Document("old", old), Document("new", new))
    return [str(one) for one in comparison.changes(old, new, "it", direction)]


@pytest.mark.parametrize(
    ("old", "new", "received", "sent"),
    [
        ({"type": "integer"}, {"type": "number"}, 0, 1),
        ({"type": "number"}, {"type": "integer"}, 1, 0),
        ({"type": "string", "format": "date"}, {"type": "string"}, 0, 1),
        ({"type": "string"}, {"type": "string", "format": "date"}, 1, 0),
        ({"type": "string"}, {"type": "string", "pattern": "^a"}, 1, 0),
        ({"type": "array", "items": {"type": "string"}}, {"type": "array", "items": {"type": "number"}}, 1, 1),
        ({"type": "object"}, {"type": "object", "additionalProperties": False}, 1, 0),
        ({"type": "object", "additionalProperties": {"type": "number"}}, {"type": "object"}, 0, 1),
        ({"type": "string", "enum": ["a"]}, {"type": "string", "enum": ["b"]}, 1, 1),
        ({"type": "string", "enum": ["a", "b"]}, {"type": "string", "enum": ["a"]}, 1, 0),
        ({"type": "string", "enum": ["a", "b"]}, {"type": "string"}, 0, 1),
        ({"type": "string", "default": "a"}, {"type": "string", "default": "b"}, 1, 0),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, {"type": "number"}, 1, 0),
        ({"type": "number"}, {"anyOf": [{"type": "number"}, {"type": "null"}]}, 0, 1),
        ({"type": "object", "oneOf": [{"required": ["a"]}]}, {"type": "object", "oneOf": [{"required": ["b"]}]}, 1, 0),
    ],
)  # fmt: skip
def test_direction_decides_what_is_incompatible(
    old: Json, new: Json, received: int, sent: int
) -> None:
    assert len(changes_of(old, new, "received")) == received
    assert len(changes_of(old, new, "sent")) == sent
