"""Generates the result types of the reader from an OpenAPI document.

`tools/web types` makes the document and runs `generate_results.py DOCUMENT`; with `--check` it only
says whether the file is current.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).parent / "cost_analytics_emitter" / "reading" / "results.py"
READS: Final = (
    "getCallCost",
    "listCalls",
    "listCallEvents",
    "getSpending",
    "getBudget",
    "listAlerts",
    "listAnomalies",
    "getForecast",
    "getRecommendations",
    "getRecentCosts",
)
HEAD: Final = '''\
"""The results of reads. Generated from the OpenAPI document by `tools/web types`. Do not edit.

Money is US dollars. Texts with a fixed set of values may have more of them with a newer server.
"""

# ruff: noqa: D101

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
'''
_SCHEMA: Final = "#/components/schemas/"
_TEXTS: Final = {"date-time": "datetime", "date": "date"}
_PLAIN: Final = {"number": "Decimal", "integer": "int", "boolean": "bool", "null": "None"}

Schema = dict[str, Any]


def results_of(document: Schema) -> str:
    """Return the source text of all types that the reads and the live feed need."""
    schemas = document["components"]["schemas"]
    # The live feed sends an alert as it is on the topic.
    schemas["LiveAlert"]["properties"]["alert"] = {"$ref": f"{_SCHEMA}ListedAlert"}
    operations = [each for methods in document["paths"].values() for each in methods.values()]
    found: dict[str, None] = {}
    for operation in operations:
        if operation["operationId"] in READS:
            content = operation["responses"]["200"]["content"]["application/json"]["schema"]
            envelope = schemas[content["$ref"].removeprefix(_SCHEMA)]
            _collect(envelope["properties"]["data"], schemas, found)
        elif "x-websocket" in operation:
            _collect(operation["x-websocket"]["sent"], schemas, found)
    return "\n\n".join([HEAD, *(_class_of(name, schemas[name]) for name in sorted(found))])


def _collect(part: Any, schemas: Schema, found: dict[str, None]) -> None:
    for name in _references(part):
        if name not in found:
            found[name] = None
            _collect(schemas[name], schemas, found)


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"].removeprefix(_SCHEMA)
        for name, value in part.items():
            if name != "discriminator":
                yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _class_of(name: str, schema: Schema) -> str:
    required = set(schema.get("required", ()))
    lines = ["@dataclass(frozen=True, kw_only=True, slots=True)", f"class {name}:"]
    for wire_name, field in schema["properties"].items():
        type_name = _type_of(field)
        optional = "" if wire_name in required else " = None"
        if optional and "None" not in type_name.split(" | "):
            type_name += " | None"
        lines.append(f"    {snake_case(wire_name)}: {type_name}{optional}")
    return "\n".join(lines) + "\n"


def _type_of(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_SCHEMA)
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type_of(each) for each in schema["anyOf"]))
    if "enum" in schema:
        return f"Literal[{', '.join(json.dumps(value) for value in schema['enum'])}]"
    kind = schema.get("type")
    if kind == "array":
        return f"list[{_type_of(schema['items'])}]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"dict[str, {_type_of(values) if isinstance(values, dict) else 'Any'}]"
    if kind == "string":
        return _TEXTS.get(schema.get("format", ""), "str")
    return _PLAIN.get(kind, "Any") if isinstance(kind, str) else "Any"


def snake_case(wire_name: str) -> str:
    """Return the name of a field in Python."""
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda match: f"_{match[0].lower()}", wire_name)


def _formatted(source: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(FILE), "-"]
    done = subprocess.run(command, input=source, check=True, capture_output=True, text=True)
    return done.stdout


def main(path: str, *options: str) -> int:
    """Write the file, or check it; returns the exit code."""
    source = _formatted(results_of(json.loads(Path(path).read_text(encoding="utf-8"))))
    if "--check" not in options:
        FILE.write_text(source, encoding="utf-8")
    elif FILE.read_text(encoding="utf-8") != source:
        where = FILE.relative_to(Path(__file__).parents[2])
        sys.stderr.write(f"{where} is not current: run `tools/web types` and commit it\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
