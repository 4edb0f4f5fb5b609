"""Validates AsyncAPI documents with the official parser, which runs on Node."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.house import ROOT
from tests.support.parts import skip_without

_TOOL = ROOT / "tools" / "contracts"
_INSTALL = "tools/contracts install"


def parse_asyncapi(documents: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the problems of each document; skips or fails the test without the parser."""
    _install()
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder, f"{place}.json") for place, name in enumerate(documents)}
        for name, path in files.items():
            path.write_text(json.dumps(documents[name]))
        done = subprocess.run(
            [_TOOL, "parse", *files.values()],
            check=False,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.stdout, done.stderr
        found = json.loads(done.stdout)
        return {name: found[str(path)] for name, path in files.items()}


def _install() -> None:
    if not shutil.which("node") and not (ROOT / ".local" / "node").exists():
        skip_without("node", f"the parser of AsyncAPI needs Node: {_INSTALL}")
    done = subprocess.run(
        [_TOOL, "install"], check=False, capture_output=True, text=True, timeout=100
    )
    if done.returncode:
        skip_without("@asyncapi/parser", f"{_INSTALL}\n{done.stderr}")
