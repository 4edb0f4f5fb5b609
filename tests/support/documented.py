"""Runs the commands of a section of a document unchanged."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from cost_analytics import settings
from devkit.embedded.postgres_files import find_program
from tests.support.command import ROOT

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks_of(document: str, heading: str) -> list[str]:
    """Return the shell blocks of a section of the second level."""
    text = (ROOT / "docs" / document).read_text()
    _, _, rest = text.partition(f"\n## {heading}\n")
    assert rest, f"{document} has no heading {heading}"
    return _BLOCK.findall(rest.partition("\n## ")[0])


def run_block(block: str, values: Mapping[str, str], cwd: Path) -> str:
    """Run a block in a shell, with our commands and PostgreSQL's on PATH; returns its output."""
    programs = [Path(sys.executable).parent, Path(find_program("createdb")).parent]
    path = ":".join([*map(str, programs), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=settings.command_environment({}) | {"PYTHONPATH": str(ROOT), "PATH": path, **values},
        timeout=120,
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    return done.stdout
