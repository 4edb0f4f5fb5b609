"""Apache Kafka's jars and a Java to run them: found on this machine, or fetched with Maven.

Kafka's distribution is an archive on a web site, and its images need Docker. Its jars are ordinary
Maven artifacts: `kafka/pom.xml` pins them, and Maven, with the mirrors configured on this machine,
copies them into a directory.
"""

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from devkit.embedded.environment import copy_environment
from devkit.embedded.processes import Program, ServerError, run_to_end

_POM: Final = Path(__file__).with_name("kafka") / "pom.xml"
_JAVA_VERSION_MIN: Final = 17
_FETCH_SECONDS_MAX: Final = 900
_REPORT_SECONDS: Final = 3

PrintLine = Callable[[str], None]
"""Receives a line of progress."""


def ignore_line(line: str) -> None:
    """Ignore the progress."""


def version() -> str:
    """Return the version of Apache Kafka that the POM pins."""
    match = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([^<]+)", _POM.read_text())
    if match is None:
        raise ServerError(f"{_POM} contains no version of Kafka")
    return match.group(1)


def missing_requirement(jars: Path) -> str | None:
    """Return why Kafka cannot run here, None if it can; `jars` is the directory of its jars."""
    try:
        find_java()
    except ServerError as error:
        return str(error)
    if not _is_complete(jars) and shutil.which("mvn") is None:
        return "Maven (mvn), which fetches Apache Kafka, is not installed"
    return None


def find_java() -> str:
    """Return the path of a Java that can run Kafka.

    Raises ServerError if there is none, or only an older one.
    """
    needed = f"Apache Kafka needs Java {_JAVA_VERSION_MIN} or newer"
    home = copy_environment().get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin")) if home else None
    java = java or shutil.which("java")
    if java is None:
        raise ServerError(f"{needed}, and no java is installed")
    try:
        output = subprocess.run(
            [java, "-version"], check=False, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerError(f"{needed}, and {java} does not run: {error}") from error
    match = re.search(r'version "(\d+)', output.stderr)
    if match is None or int(match.group(1)) < _JAVA_VERSION_MIN:
        raise ServerError(f"{needed}; {java} is {output.stderr.split(chr(10), 1)[0]}")
    return java


async def fetch(jars: Path, print_line: PrintLine) -> None:
    """Fetch the jars that the POM pins into `jars`, unless they are there.

    Raises ServerError with Maven's last lines if they cannot be fetched.
    """
    if _is_complete(jars):
        return
    maven = shutil.which("mvn")
    if maven is None:
        raise ServerError("Maven (mvn), which fetches Apache Kafka, is not installed")
    async with _fetch_lock(jars):
        if _is_complete(jars):
            return
        print_line(f"Fetching Apache Kafka {version()} with Maven (first run only)…")
        unfinished = jars.with_name(f"{jars.name}.{os.getpid()}")
        try:
            await _copy_dependencies(maven, unfinished, print_line)
            (unfinished / "complete").write_text(_fingerprint())
            shutil.rmtree(jars, ignore_errors=True)
            unfinished.rename(jars)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


@asynccontextmanager
async def _fetch_lock(jars: Path) -> AsyncIterator[None]:
    """Prevent concurrent fetches: processes share Maven's own store."""
    jars.parent.mkdir(parents=True, exist_ok=True)
    with jars.with_name(f"{jars.name}.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        yield


async def _copy_dependencies(maven: str, target: Path, print_line: PrintLine) -> None:
    log = target.with_name("maven.log")
    log.unlink(missing_ok=True)
    copying = Program(
        name="Maven",
        command=[
            maven,
            "--batch-mode",
            f"--file={_POM}",
            "dependency:copy-dependencies",
            f"-DoutputDirectory={target}",
        ],
        log=log,
        # Users configure Maven's proxies, mirrors and certificates by variables.
        environment=copy_environment(),
    )
    reports = asyncio.create_task(_report(log, print_line))
    try:
        await run_to_end(copying, _FETCH_SECONDS_MAX)
    finally:
        reports.cancel()


async def _report(log: Path, print_line: PrintLine) -> None:
    """Report every few seconds how many files Maven has fetched, until cancelled."""
    while True:
        await asyncio.sleep(_REPORT_SECONDS)
        fetched = _count_fetched(log)
        if fetched:
            print_line(f"  {fetched} files so far")


def _count_fetched(maven_log: Path) -> int:
    return maven_log.read_text(errors="replace").count("Downloaded from")


def _is_complete(jars: Path) -> bool:
    note = jars / "complete"
    return note.is_file() and note.read_text() == _fingerprint()


def _fingerprint() -> str:
    return hashlib.sha256(_POM.read_bytes()).hexdigest()
