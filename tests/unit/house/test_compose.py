"""docker-compose.yml agrees with the code; no container engine is needed."""

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import pytest

from cost_analytics.cli import COMMANDS
from cost_analytics.configuration.variables import VARIABLES
from schemas.topics import ALL_TOPICS, DEFAULT_PARTITIONS
from tests.support.api import served
from tests.support.compose import DEFAULT, FILE, OURS, ROOT, SERVICES, TEXT
from tests.support.parts import skip_without

DOCKERFILE: Final = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MONITORING: Final = {"prometheus", "grafana", "collector", "jaeger"}
"""The services of the profile `observability`."""
DONE: Final = "service_completed_successfully"
HEALTHY: Final = "service_healthy"


def topics_created() -> dict[str, list[str]]:
    """Return the topics that the service `topics` creates, with their options."""
    [script] = SERVICES["topics"]["command"]
    calls = [shlex.split(line)[1:] for line in script.splitlines() if line.startswith("create ")]
    return {name: options for name, *options in calls}


def test_services_are_the_expected_ones() -> None:
    assert set(SERVICES) == {"kafka", "topics", "postgres", *OURS, *MONITORING}
    assert set(OURS) == {"roles", "operator", "backup", "worker", "notices", "commands", "api"}


@pytest.mark.parametrize("name", OURS)
def test_services_run_existing_commands(name: str) -> None:
    command = OURS[name]["command"][0]
    assert command in COMMANDS
    image = "cost-analytics-backup" if name == "backup" else "cost-analytics"
    assert OURS[name]["image"] == f"{image}:{PROJECT['project']['version']}"


def test_worker_gets_every_setting_of_retention() -> None:
    names = {name for name, one in VARIABLES.items() if one.section == "retention"}
    assert names <= SERVICES["worker"]["environment"].keys()


def test_backups_use_the_version_of_the_database() -> None:
    """An older `pg_dump` refuses a newer server."""
    assert SERVICES["backup"]["build"] == {"context": ".", "target": "backup"}
    [base] = re.findall(r"^FROM (\S+) AS backup$", DOCKERFILE, re.MULTILINE)
    assert base == SERVICES["postgres"]["image"]
    directory = SERVICES["backup"]["command"][-1].rstrip("/")
    assert SERVICES["backup"]["volumes"] == [f"backups:{directory}"]
    assert f"--group=10001 --mode=700 {directory}\n" in DOCKERFILE


def test_defaults_are_those_of_the_settings() -> None:
    assert set(re.findall(r"\$\{([^}]*)\}", TEXT)) == {
        *(f"{name}:-{default}" for name, default in DEFAULT.findall(TEXT)),
        "name",  # a variable of the shell
        "NAME:-…",
    }
    for name, default in DEFAULT.findall(TEXT):
        if name in VARIABLES:
            assert default == VARIABLES[name].default, name
    assert int(VARIABLES["KAFKA_TOPIC_PARTITIONS"].default) == DEFAULT_PARTITIONS


def test_topics_match_the_schemas() -> None:
    expected = {
        topic.name: ["--config", "cleanup.policy=compact"] if topic.compacted else []
        for topic in ALL_TOPICS
    }
    assert topics_created() == expected
    assert SERVICES["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_topics_are_created_in_a_shell(tmp_path: Path) -> None:
    """The script runs with a fake Kafka tool that records its arguments."""
    bash = shutil.which("bash")
    if bash is None:
        skip_without("bash", "the script that creates the topics is written for it")
    [script] = SERVICES["topics"]["command"]
    tool = tmp_path / "kafka-topics.sh"
    tool.write_text('#!/bin/sh\nprintf "%s " "$@"; echo\n')
    tool.chmod(0o755)
    script = script.replace("/opt/kafka/bin/kafka-topics.sh", str(tool)).replace("$$", "$")
    done = subprocess.run([bash, "-ec", script], capture_output=True, text=True, check=True)
    calls = done.stdout.splitlines()
    assert len(calls) == len(ALL_TOPICS)
    for topic, call in zip(ALL_TOPICS, calls, strict=True):
        assert "--bootstrap-server kafka:9092 --create --if-not-exists" in call
        assert f"--partitions 8 --replication-factor 1 --topic {topic.name} " in call
        assert call.rstrip().endswith("cleanup.policy=compact") is topic.compacted


def test_kafka_version_is_that_of_the_tests() -> None:
    pom = ElementTree.parse(ROOT / "devkit" / "embedded" / "kafka" / "pom.xml").getroot()
    namespace = pom.tag.removesuffix("project")
    versions = {
        found.findtext(f"{namespace}artifactId"): found.findtext(f"{namespace}version")
        for found in pom.iter(f"{namespace}dependency")
    }
    for name in ("kafka", "topics"):
        assert SERVICES[name]["image"] == f"apache/kafka:{versions['kafka_2.13']}"


def test_services_wait_for_their_dependencies() -> None:
    assert _conditions("topics") == {"kafka": HEALTHY}
    assert _conditions("roles") == _conditions("backup") == {"postgres": HEALTHY}
    assert _conditions("worker") == {"kafka": HEALTHY, "topics": DONE, "roles": DONE}
    assert _conditions("api") == {"topics": DONE, "roles": DONE}
    assert _conditions("notices") == _conditions("commands") == _conditions("worker")


def _conditions(name: str) -> dict[str, str]:
    return {other: what["condition"] for other, what in SERVICES[name]["depends_on"].items()}


def test_dependencies_have_health_checks() -> None:
    for name in ("kafka", "postgres", "api"):
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    for name in MONITORING:
        assert SERVICES[name]["healthcheck"].keys() & {"test", "disable"}
    for name in ("topics", "roles", "operator", "backup", "worker", "notices", "commands"):
        assert SERVICES[name]["healthcheck"] == {"disable": True}


def test_only_long_running_services_are_restarted() -> None:
    for name, service in SERVICES.items():
        once = name in {"topics", "roles", "operator", "backup"}
        assert service["restart"] == ("no" if once else "unless-stopped")


def test_data_are_kept_in_volumes() -> None:
    kept = {volume.split(":")[0] for s in SERVICES.values() for volume in s.get("volumes", ())}
    kept = {name for name in kept if not name.startswith(".")}
    assert kept == set(FILE["volumes"]) == {"kafka", "postgres", "backups", "prometheus"}
    log_dirs = SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"]
    assert SERVICES["kafka"]["volumes"] == [f"kafka:{log_dirs}"]


def test_each_replica_has_a_local_port() -> None:
    [published] = SERVICES["api"]["ports"]
    found = re.fullmatch(r"127\.0\.0\.1:(\d+)-(\d+):(\d+)", published)
    assert found is not None
    assert int(found[2]) - int(found[1]) + 1 == int(SERVICES["api"]["deploy"]["replicas"])
    assert found[3] == str(SERVICES["api"]["environment"]["API_PORT"])
    assert int(SERVICES["worker"]["deploy"]["replicas"]) <= DEFAULT_PARTITIONS


async def test_health_checks_use_existing_routes() -> None:
    checks = re.findall(r"urlopen\((.+?), timeout", DOCKERFILE + TEXT)
    paths = [re.findall(r"/\w+", check)[-1] for check in checks]
    assert sorted(paths) == ["/health", "/ready"]
    async with served() as api:
        for path in paths:
            assert (await api.get(path)).status in {200, 503}  # without a database


def test_image_contains_all_sources_of_the_wheel() -> None:
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE))
    names = {name for words in copied for name in words.split()}
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    readme = PROJECT["project"].get("readme")
    needed = {*packages, *PROJECT["project"]["license-files"], "pyproject.toml"} - {"devkit"}
    assert names >= needed | ({readme} if readme else set())
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == names
    assert all((ROOT / name).exists() for name in names)


def test_image_is_small_pinned_and_not_root() -> None:
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^ARG PYTHON=python:3\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    for line in re.findall(r"pip .*install.*(?:\n.*)*?-r \S+", DOCKERFILE):
        assert "--require-hashes" in line
    runtime = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    everything = (ROOT / "requirements" / "all.txt").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^(\S+==\S+)", runtime, re.MULTILINE))
    assert pinned <= set(re.findall(r"^(\S+==\S+)", everything, re.MULTILINE))
    names = {pin.split("==")[0] for pin in pinned}
    for dependency in PROJECT["project"]["dependencies"]:
        assert re.split(r"[\[<>=]", dependency)[0] in names
    for dependency in PROJECT["project"]["optional-dependencies"]["dev"]:
        assert re.split(r"[\[<>=]", dependency)[0] not in names


def test_monitoring_starts_with_its_profile_only_and_reads_existing_files() -> None:
    profiles = {name: service.get("profiles") for name, service in SERVICES.items()}
    assert {name for name in profiles if profiles[name] == ["observability"]} == MONITORING
    for name in MONITORING:
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", SERVICES[name]["image"])
        for volume in SERVICES[name].get("volumes", ()):
            source, _, end = volume.partition(":")
            if source.startswith("./"):
                assert (ROOT / source).is_dir()
                assert end.endswith(":ro")


def test_prometheus_scrapes_the_ports_of_the_services() -> None:
    text = (ROOT / "observability" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    found = re.findall(r"names: \[(\w+)\], type: A, port: (\d+)", text)
    variables = {
        "api": "METRICS_PORT",
        "worker": "WORKER_METRICS_PORT",
        "notices": "NOTICES_METRICS_PORT",
        "commands": "COMMANDS_METRICS_PORT",
    }
    assert {name: int(port) for name, port in found} == {
        name: SERVICES[name]["environment"][variable] for name, variable in variables.items()
    }
    for name in variables:
        assert set(SERVICES[name]["networks"]) & set(SERVICES["prometheus"]["networks"])
