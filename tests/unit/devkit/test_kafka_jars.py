"""A machine that cannot run Apache Kafka gets a clear reason."""

import re
from pathlib import Path

import pytest

from devkit.embedded import kafka_jars
from devkit.embedded.processes import ServerError


def install(directory: Path, name: str, script: str) -> None:
    """Write a small shell program into a directory."""
    program = directory / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set PATH to a directory without any program."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return tmp_path


def test_version_is_that_of_the_pom() -> None:
    assert re.fullmatch(r"4\.\d+\.\d+", kafka_jars.version())


def test_missing_java_is_explained(machine: Path) -> None:
    reason = kafka_jars.missing_requirement(machine / "lib")
    assert reason == "Apache Kafka needs Java 17 or newer, and no java is installed"


@pytest.mark.parametrize("output", ['java version "1.8.0_292"', 'openjdk version "11.0.2"', "?"])
def test_old_java_is_explained(machine: Path, output: str) -> None:
    install(machine, "java", f"echo '{output}' >&2")
    assert (kafka_jars.missing_requirement(machine / "lib") or "").endswith(f"java is {output}")


def test_missing_maven_is_explained(machine: Path) -> None:
    install(machine, "java", """echo 'openjdk version "21" 2023-09-19' >&2""")
    assert "Maven (mvn)" in (kafka_jars.missing_requirement(machine / "lib") or "")
    install(machine, "mvn", "exit 1")
    assert kafka_jars.missing_requirement(machine / "lib") is None


def test_java_home_has_priority(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(machine, "java", """echo 'openjdk version "11"' >&2""")
    home = machine / "jdk"
    (home / "bin").mkdir(parents=True)
    install(home / "bin", "java", """echo 'openjdk version "25-ea"' >&2""")
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert kafka_jars.find_java() == str(home / "bin" / "java")


async def test_jars_are_fetched_once(machine: Path) -> None:
    install(machine, "java", """echo 'openjdk version "21"' >&2""")
    # Its fourth argument is the directory to fill.
    install(machine, "mvn", '/bin/mkdir -p "${4#*=}"; echo jar >"${4#*=}/kafka.jar"; echo once')
    jars, result = machine / "kafka" / "lib", list[str]()
    await kafka_jars.fetch(jars, result.append)
    assert (jars / "kafka.jar").exists()
    assert len(result) == 1
    (machine / "mvn").unlink()
    assert kafka_jars.missing_requirement(jars) is None
    await kafka_jars.fetch(jars, result.append)
    assert len(result) == 1


async def test_failed_maven_leaves_no_partial_kafka(machine: Path) -> None:
    install(machine, "mvn", "echo 'Could not resolve'; exit 1")
    with pytest.raises(
        ServerError, match="Maven ended with status 1; last lines:\n  Could not res"
    ):
        await kafka_jars.fetch(machine / "kafka" / "lib", kafka_jars.ignore_line)
    left = {path.name for path in (machine / "kafka").iterdir()}
    assert left == {"lib.lock", "maven.log"}
