"""Finds incompatible changes between two OpenAPI documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from devkit.contracts.references import Change, Document, JsonObject
from devkit.contracts.schemas import SchemaComparison


def openapi_changes(old: Document, new: Document) -> Iterator[Change]:
    """Yield what a client of the old document's API could not use any more."""
    schemas = SchemaComparison(old, new)
    for path, methods in old.content["paths"].items():
        for method, operation in methods.items():
            place = f"{method.upper()} {path}"
            after = new.content["paths"].get(path, {}).get(method)
            if after is None:
                yield Change(place, "was removed")
                continue
            yield from _OperationComparison(old, new, schemas, place).changes(operation, after)


class _OperationComparison:
    """Compares an operation with its successor."""

    def __init__(self, old: Document, new: Document, schemas: SchemaComparison, place: str) -> None:
        self._old = old
        self._new = new
        self._schemas = schemas
        self._place = place

    def changes(self, old: JsonObject, new: JsonObject) -> Iterator[Change]:
        if old["operationId"] != new["operationId"]:
            yield Change(
                self._place, f"changed its name from {old['operationId']} to {new['operationId']}"
            )
        if {} in old.get("security", [None]) and {} not in new.get("security", [None]):
            yield Change(self._place, "needs a token now")
        if old.get("security") == [] and new.get("security") != []:
            yield Change(self._place, "needs a token now")
        yield from self._parameters(old, new)
        yield from self._body(old.get("requestBody"), new.get("requestBody"))
        yield from self._responses(old["responses"], new["responses"])
        yield from self._socket(old.get("x-websocket"), new.get("x-websocket"))

    def _parameters(self, old: JsonObject, new: JsonObject) -> Iterator[Change]:
        before, after = _parameters(self._old, old), _parameters(self._new, new)
        for key, parameter in before.items():
            place = f"{self._place} {key[1]}"
            if key not in after:
                yield Change(place, "is no longer accepted")
                continue
            if after[key].get("required") and not parameter.get("required"):
                yield Change(place, "is required now")
            yield from self._schemas.changes(
                parameter["schema"], after[key]["schema"], place, "received"
            )
        for key in after.keys() - before.keys():
            if after[key].get("required"):
                yield Change(f"{self._place} {key[1]}", "is required now")

    def _body(self, old: JsonObject | None, new: JsonObject | None) -> Iterator[Change]:
        place = f"{self._place} body"
        if new is not None and new.get("required") and not (old and old.get("required")):
            yield Change(place, "is required now")
        if old is None:
            return
        for media, content in old["content"].items():
            after = (new or {"content": {}})["content"].get(media)
            if after is None:
                yield Change(place, f"may not be {media} any more")
            elif "schema" in content and "schema" in after:
                yield from self._schemas.changes(
                    content["schema"], after["schema"], place, "received"
                )

    def _responses(self, old: JsonObject, new: JsonObject) -> Iterator[Change]:
        for status, response in old.items():
            if not status.startswith(("1", "2", "3")):
                continue  # other failures may occur, and failures are one type
            place = f"{self._place} {status}"
            if status not in new:
                yield Change(place, "was removed")
                continue
            before, after = self._old.resolve(response), self._new.resolve(new[status])
            for header in before.get("headers", {}).keys() - after.get("headers", {}).keys():
                yield Change(place, f"has no header {header} any more")
            yield from self._contents(before.get("content", {}), after.get("content", {}), place)
        before, after = (
            document.resolve(responses["default"]).get("content", {})
            for document, responses in ((self._old, old), (self._new, new))
        )
        yield from self._contents(before, after, f"{self._place} failure")

    def _contents(self, old: JsonObject, new: JsonObject, place: str) -> Iterator[Change]:
        for media, content in old.items():
            if media not in new:
                yield Change(place, f"is not available as {media} any more")
            elif "schema" in content:
                yield from self._schemas.changes(
                    content["schema"], new[media].get("schema", {}), place, "sent"
                )

    def _socket(self, old: JsonObject | None, new: JsonObject | None) -> Iterator[Change]:
        if old is None:
            return
        if new is None:
            yield Change(self._place, "is not a WebSocket any more")
            return
        yield from self._schemas.changes(
            old["sent"], new["sent"], f"{self._place} messages", "sent"
        )
        yield from self._schemas.changes(
            old["taken"], new["taken"], f"{self._place} messages", "received"
        )


def _parameters(document: Document, operation: JsonObject) -> dict[tuple[str, str], Any]:
    """Return the parameters by their location and name."""
    found = [document.resolve(one) for one in operation.get("parameters", ())]
    return {(one["in"], one["name"]): one for one in found}
