"""The required fields in docs/events.md agree with the schemas."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from schemas import generate
from schemas.refusals import Refused
from tests.unit.schemas.test_json_schemas import STRUCTURED, decoded

PAGE: Final = (Path(generate.__file__).parents[1] / "docs" / "events.md").read_text("utf-8")
ROWS: Final = re.findall(
    r"^\| `([a-z.]+)` \| ((?:`callId`|`userId`)[^|]*) \| ([^|]*)\|$", PAGE, re.MULTILINE
)
EXAMPLES: Final[list[dict[str, Any]]] = [json.loads(text) for text in STRUCTURED]


def names(cell: str) -> set[str]:
    """Return the fields that a cell of the table names."""
    return set(re.findall(r"`(\w+)`", cell))


def test_documented_fields_are_those_of_the_schemas() -> None:
    listed = {kind: (names(required), names(optional)) for kind, required, optional in ROWS}
    for kind in {example["type"] for example in EXAMPLES}:
        content = json.loads((generate.FOLDER / f"{kind}.schema.json").read_text())
        data = content["properties"]["data"]
        data = content["$defs"][data["$ref"].rpartition("/")[2]] if "$ref" in data else data
        required = set(data["required"])
        assert listed[kind] == (required, data["properties"].keys() - required), kind
    assert len(listed) == len(EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["type"] for example in EXAMPLES])
def test_event_without_a_required_field_is_refused(example: dict[str, Any]) -> None:
    [required] = [names(cell) for kind, cell, _ in ROWS if kind == example["type"]]
    for field in required:
        data = {name: value for name, value in example["data"].items() if name != field}
        with pytest.raises(Refused, match="invalid_event"):
            decoded(json.dumps({**example, "data": data}).encode())
