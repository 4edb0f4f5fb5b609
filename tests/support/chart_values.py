"""Makes the documentation and the schema of the chart's values from their comments and defaults.

`tools/chart values` writes both; a test compares them with the files.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.support.house import ROOT

CHART = ROOT / "charts" / "cost-analytics"
_BEGIN, _END = "<!-- values -->", "<!-- end of values -->"
_LINE = re.compile(r"(?P<indent> *)(?P<name>[A-Za-z]+):(?P<value>.*)")
_CHOICES = {
    "image.pullPolicy": ["Always", "IfNotPresent", "Never"],
    "api.tokens.from": ["secret", "publicKey", "jwksUrl"],
    "focusExport.fileType": ["csv", "parquet"],
    "focusExport.period": ["last-month", "this-month", "yesterday"],
    "api.service.type": ["ClusterIP", "LoadBalancer", "NodePort"],
}
_FREE = {"settings", "deliverySettings", "annotations", "podLabels", "podAnnotations"} | {
    "nodeSelector", "affinity", "requests", "limits",
}  # fmt: skip


class ChartValue(NamedTuple):
    """A value by its path, with its default and the comment above it."""

    path: str
    default: Any
    comment: str


def values(text: str) -> Iterator[ChartValue]:
    """Yield the values that are no groups of values, in their order."""
    parents: list[tuple[int, str]] = []
    comment: list[str] = []
    tree = yaml.safe_load(text)
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comment.append(line.strip().lstrip("# "))
            continue
        match = _LINE.match(line)
        if match is None:
            comment = []
            continue
        indent = len(match["indent"])
        parents = [parent for parent in parents if parent[0] < indent]
        names = [name for _, name in parents] + [match["name"]]
        parents.append((indent, match["name"]))
        default = _at(tree, names)
        if not isinstance(default, dict) or not default or _is_free(names):
            yield ChartValue(".".join(names), default, " ".join(comment))
        comment = []


def _at(tree: Any, names: list[str]) -> Any:
    for name in names:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def _is_free(names: list[str]) -> bool:
    return names[-1] in _FREE


def table(text: str) -> str:
    """Return the values as a table in Markdown."""
    rows = [
        f"| `{value.path}` | `{json.dumps(value.default)}` | {value.comment} |"
        for value in values(text)
        if not any(part in _FREE for part in value.path.split(".")[:-1])
    ]
    return "\n".join(["| value | default | |", "|---|---|---|", *rows])


def schema(tree: Any, path: str = "") -> dict[str, Any]:
    """Return a JSON Schema in which unknown names and other types are errors."""
    name = path.rpartition(".")[2]
    if path in _CHOICES:
        return {"enum": _CHOICES[path]}
    if isinstance(tree, dict) and name not in _FREE:
        inner = {key: schema(part, f"{path}.{key}".lstrip(".")) for key, part in tree.items()}
        return {"type": "object", "additionalProperties": False, "properties": inner}
    if isinstance(tree, dict):
        return {"type": "object"}
    if isinstance(tree, bool):
        return {"type": "boolean"}
    if isinstance(tree, int):
        return {"type": "integer", "minimum": 0}
    return {"type": "array" if isinstance(tree, list) else "string"}


def documents() -> dict[Path, str]:
    """Return the generated files with their contents."""
    text = (CHART / "values.yaml").read_text()
    described = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **schema(yaml.safe_load(text)),
    }
    described["properties"]["global"] = {"type": "object"}
    readme = (CHART / "README.md").read_text()
    head, rest = readme.split(_BEGIN)
    tail = rest.split(_END)[1]
    return {
        CHART / "values.schema.json": json.dumps(described, indent=2) + "\n",
        CHART / "README.md": f"{head}{_BEGIN}\n{table(text)}\n{_END}{tail}",
    }


if __name__ == "__main__":
    for path, content in documents().items():
        path.write_text(content)
