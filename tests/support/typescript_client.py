"""The published TypeScript client: packed, its programs compiled in strict mode, run by Node."""

import asyncio
import json
import shutil
import subprocess
import tarfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.house import ROOT
from tests.support.parts import skip_without

CLIENT = ROOT / "clients" / "typescript"
PROGRAMS = ROOT / "tests" / "integration" / "clients" / "programs"
BUILD = ROOT / ".local" / "typescript-client"
PACK_SECONDS_MAX = 100
RUN_SECONDS_MAX = 40
_CONFIG = {
    "compilerOptions": {
        "target": "ES2022",
        "lib": ["ES2022", "DOM", "DOM.Iterable"],
        "module": "NodeNext",
        "strict": True,
        "noUncheckedIndexedAccess": True,
        "exactOptionalPropertyTypes": True,
        "types": ["node"],
        "outDir": "built",
    },
    "include": ["*.ts"],
}


def _run(*command: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run(
        command, cwd=cwd, check=False, capture_output=True, text=True, timeout=PACK_SECONDS_MAX
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def node() -> str:
    """Return Node's program; without one the test is skipped."""
    program = shutil.which("node")
    if program is None or shutil.which("npm") is None:
        skip_without("Node.js", "node or npm is not installed")
    return program


@cache
def compiled_programs() -> Path:
    """Return the directory of the compiled examples and test programs.

    They import the package as it is published, not its sources.
    """
    node()
    try:
        archive = _run(ROOT / "tools" / "web", "client", "pack")
    except AssertionError as error:
        if (CLIENT / "node_modules" / ".installed").exists():
            raise
        skip_without("the client's parts", f"`tools/web client pack`: {str(error)[-200:]}")
    shutil.rmtree(BUILD, ignore_errors=True)
    modules = BUILD / "node_modules"
    modules.mkdir(parents=True)
    with tarfile.open(archive) as packed:
        packed.extractall(modules, filter="data")
    (modules / "package").rename(modules / "cost-analytics-client")
    # What the examples need beside the client itself, which needs nothing.
    for name in ("axios", "@types"):
        (modules / name).symlink_to(CLIENT / "node_modules" / name)
    for source in (*(CLIENT / "examples").glob("*.ts"), *PROGRAMS.glob("*.ts")):
        shutil.copy(source, BUILD)
    (BUILD / "package.json").write_text('{"type": "module"}')
    (BUILD / "tsconfig.json").write_text(json.dumps(_CONFIG))
    _run(CLIENT / "node_modules" / ".bin" / "tsc", "--project", BUILD)
    return BUILD / "built"


@cache
def _flags(program: str) -> tuple[str, ...]:
    """Return the flag for the global `WebSocket` if this Node needs one."""
    major = int(_run(program, "--version").removeprefix("v").split(".")[0])
    return ("--experimental-websocket",) if major < 22 else ()


@asynccontextmanager
async def running(name: str, *arguments: str, **environment: str) -> AsyncIterator[Process]:
    """Start a compiled program, and end it at the end."""
    directory = await asyncio.to_thread(compiled_programs)
    program = node()
    process = await asyncio.create_subprocess_exec(
        program, *_flags(program), directory / f"{name}.js", *arguments,
        env={"PATH": str(Path(program).parent), **environment},
        stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=16 * 1024 * 1024,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def output_of(name: str, *arguments: str, text: str = "", **environment: str) -> Any:
    """Run a program with a text as its input, and return its output, which is JSON."""
    async with running(name, *arguments, **environment) as process:
        async with asyncio.timeout(RUN_SECONDS_MAX):
            out, err = await process.communicate(text.encode())
        assert process.returncode == 0, err.decode()
        return json.loads(out)
