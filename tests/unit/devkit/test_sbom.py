"""The bill of materials keeps the schema of CycloneDX, by its official validator."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from devkit.release.build import release_version
from devkit.release.sbom import SPEC, sbom
from tests.support.house import ROOT

Document = dict[str, Any]

VALIDATOR = JsonStrictValidator(SchemaVersion.from_version(SPEC))
FAULTS: dict[str, Callable[[Document], Any]] = {
    "is not one of ['CycloneDX']": lambda bom: bom.update(bomFormat="SPDX"),
    "'name' is a required property": lambda bom: bom["components"][0].pop("name"),
    "'needed' is not one of": lambda bom: bom["components"][0].update(scope="needed"),
    "has non-unique elements": lambda bom: bom["components"].append(bom["components"][0]),
    "does not match": lambda bom: _hashed(bom)["hashes"][0].update(content="zz"),
    "Additional properties are not allowed": lambda bom: bom.update(vendor="ours"),
    "is not valid under any of the given schemas": lambda bom: _license(bom).update(id="Apache 2"),
}


@pytest.fixture
def document() -> Document:
    npm_lock = ROOT / "web" / "package-lock.json"
    return sbom(release_version(), ROOT / "requirements" / "runtime.txt", npm_lock)


def _hashed(bom: Document) -> Document:
    return next(component for component in bom["components"] if component.get("hashes"))


def _license(bom: Document) -> Document:
    license_: Document = bom["metadata"]["component"]["licenses"][0]["license"]
    return license_


def test_document_is_valid(document: Document) -> None:
    assert VALIDATOR.validate_str(json.dumps(document)) is None


@pytest.mark.parametrize("reason", FAULTS)
def test_validator_finds_a_planted_fault(document: Document, reason: str) -> None:
    FAULTS[reason](document)
    assert reason in str(VALIDATOR.validate_str(json.dumps(document)))
