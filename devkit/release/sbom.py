"""Lists the locked packages of the product, and their hashes, as a CycloneDX document."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

_PACKAGE: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_ALGORITHMS: Final = {
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
}
SPEC: Final = "1.6"


def sbom(version: str, requirements: Path, npm_lock: Path) -> dict[str, Any]:
    """Return the document; the same for the same locked packages."""
    components = [*_python_components(requirements), *_npm_components(npm_lock)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": f"pkg:pypi/cost-analytics@{version}",
                "name": "cost-analytics",
                "version": version,
                "purl": f"pkg:pypi/cost-analytics@{version}",
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": sorted(components, key=lambda component: component["purl"]),
    }


def _python_components(requirements: Path) -> Iterator[dict[str, Any]]:
    """Yield the packages of the product, with the hashes of their files as properties."""
    found: dict[str, Any] | None = None
    for line in requirements.read_text(encoding="utf-8").splitlines():
        if package := _PACKAGE.match(line):
            if found is not None:
                yield found
            name, version = package[1].lower(), package[2]
            found = _component(name, version, f"pkg:pypi/{name}@{version}", "required")
            found["properties"] = []
        if found is not None and (digest := _HASH.search(line)):
            found["properties"].append({"name": "cost-analytics:sha256", "value": digest[1]})
    if found is not None:
        yield found


def _npm_components(lock: Path) -> Iterator[dict[str, Any]]:
    """Yield the packages in the dashboard; tools that only build it are excluded."""
    packages: dict[str, dict[str, Any]] = json.loads(lock.read_bytes())["packages"]
    for path, package in packages.items():
        _, separator, name = path.rpartition("node_modules/")
        if not separator or package.get("link"):
            continue
        version, scope = package["version"], "excluded" if package.get("dev") else "required"
        purl = f"pkg:npm/{quote(name, safe='/')}@{version}"
        component = _component(name, version, purl, scope)
        if integrity := package.get("integrity"):
            algorithm, _, digest = integrity.partition("-")
            content = base64.b64decode(digest).hex()
            component["hashes"] = [{"alg": _ALGORITHMS[algorithm], "content": content}]
        component["bom-ref"] = f"{purl}#{path}"
        yield component


def _component(name: str, version: str, purl: str, scope: str) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "scope": scope,
    }
