"""Programs that need the voice frameworks, which are in an environment of their own."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from tests.support import parts
from tests.support.house import ROOT

PYTHON = ROOT / ".local" / "integrations" / "bin" / "python"
SECONDS_MAX = 100


async def run_with_frameworks(
    module: str, *arguments: str, cwd: Path, status: int = 0, **environment: str
) -> Any:
    """Run a module as a process; return the JSON of its last line.

    Skips the test if the frameworks are not installed.
    """
    if not PYTHON.exists():
        parts.skip_without("the voice frameworks", "install them by `make setup-integrations`")
    paths = os.pathsep.join([str(ROOT), str(ROOT / "clients" / "python")])
    process = await asyncio.create_subprocess_exec(
        *(str(PYTHON), "-m", module, *arguments),
        cwd=cwd,
        env={"PYTHONPATH": paths, "HOME": str(cwd), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECONDS_MAX):
            printed, log = await process.communicate()
    except BaseException:
        process.kill()
        raise
    assert process.returncode == status, log.decode()[-5000:]
    return json.loads(printed.splitlines()[-1]) if printed else None
