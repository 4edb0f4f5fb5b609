"""The production files against the code: no engine runs here, so what they name must exist."""

import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast
from xml.etree import ElementTree

import pytest
import yaml

from cost_analytics import settings
from cost_analytics.cli import COMMANDS
from cost_analytics.configuration.variable import Need
from cost_analytics.configuration.variables import VARIABLES
from schemas.topics import ALL_TOPICS, DEFAULT_PARTITIONS
from tests.support.api import served
from tests.support.parts import lack

ROOT: Final = Path(__file__).parents[2]
TEXT: Final = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GIVEN: Final = {
    "POSTGRES_PASSWORD": "a%2Fpassword",
    "JWT_SECRET": "s" * 32,
    **{f"{login.upper()}_DATABASE_PASSWORD": f"a-{login}" for login in settings.PROCESSES},
}
DONE: Final = "service_completed_successfully"
HEALTHY: Final = "service_healthy"

_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def interpolated(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the file as Compose would see it with these variables; raises KeyError like it."""

    def value(found: re.Match[str]) -> str:
        name, sign, rest = found[1], found[2], found[3]
        if not given.get(name) and sign != "-":
            raise KeyError(f"{name}: {rest}")
        return given.get(name) or rest

    def filled(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: filled(inner) for name, inner in part.items()}
        if isinstance(part, list):
            return [filled(inner) for inner in part]
        return _VARIABLE.sub(value, part) if isinstance(part, str) else part

    return cast("dict[str, Any]", filled(yaml.safe_load(TEXT)))


SERVICES: Final[dict[str, dict[str, Any]]] = interpolated(GIVEN)["services"]
OURS: Final = {name: service for name, service in SERVICES.items() if "build" in service}


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return an environment as a process gets it."""
    return {name: str(value) for name, value in values.items()}


def sections_of(command: str) -> tuple[Need, ...]:
    """Return the sections of the settings that a command reads, from its source."""
    source = ROOT / "cost_analytics" / "commands" / f"{command}.py"
    [arguments] = re.findall(r"settings\.load\(([^)]*)\)", source.read_text(encoding="utf-8"))
    arguments, _, _ = arguments.partition("login=")
    return cast("tuple[Need, ...]", tuple(re.findall(r'"(\w+)"', arguments)))


def topics_created() -> dict[str, list[str]]:
    """Return the topics that the service `topics` makes, with the options of each."""
    [script] = SERVICES["topics"]["command"]
    calls = [shlex.split(line)[1:] for line in script.splitlines() if line.startswith("create ")]
    return {name: options for name, *options in calls}


def test_services() -> None:
    assert set(SERVICES) == {"kafka", "topics", "postgres", *OURS}
    assert set(OURS) == {"roles", "operator", "worker", "notices", "api"}


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_commands_that_exist(name: str) -> None:
    command = OURS[name]["command"][0]
    assert command in COMMANDS
    assert OURS[name]["image"] == f"cost-analytics:{PROJECT['project']['version']}"


@pytest.mark.parametrize("name", OURS)
def test_our_services_get_settings_that_exist_and_suffice(name: str) -> None:
    environment = texts(OURS[name]["environment"])
    assert environment.keys() <= VARIABLES.keys()
    # `operator` is for every command that is run by hand.
    needs: tuple[Need, ...] = ("database", "kafka") if name == "operator" else sections_of(name)
    login = LOGINS[name]
    loaded = settings.settings_from(settings.for_login(environment, login), *needs)
    password = GIVEN[
        f"{login.upper()}_DATABASE_PASSWORD" if name != "roles" else "POSTGRES_PASSWORD"
    ]
    user = "cost_analytics" if name == "roles" else f"cost_analytics_{login}"
    assert f"{user}:{password}@" in loaded.database_url.reveal()
    assert (GIVEN["POSTGRES_PASSWORD"] in str(environment)) is (name == "roles")
    allowed = {*needs, "logs"}
    assert {VARIABLES[variable].section for variable in environment} <= allowed


LOGINS: Final[dict[str, settings.Login]] = {
    "roles": "admin",
    "operator": "operator",
    "worker": "worker",
    "notices": "notifications",
    "api": "api",
}
"""As whom each service logs in to the database; only one as the administrator."""


def test_defaults_are_those_of_the_settings() -> None:
    for name, sign, default in _VARIABLE.findall(TEXT):
        if sign == "-" and name in VARIABLES:
            assert default == VARIABLES[name].default, name
    assert int(VARIABLES["KAFKA_TOPIC_PARTITIONS"].default) == DEFAULT_PARTITIONS


@pytest.mark.parametrize("name", GIVEN)
def test_no_secret_has_a_default(name: str) -> None:
    assert {sign for variable, sign, _ in _VARIABLE.findall(TEXT) if variable == name} == {"?"}
    with pytest.raises(KeyError, match=name):
        interpolated({key: value for key, value in GIVEN.items() if key != name})


def test_the_topics_are_ours_with_their_compaction() -> None:
    expected = {
        topic.name: ["--config", "cleanup.policy=compact"] if topic.compacted else []
        for topic in ALL_TOPICS
    }
    assert topics_created() == expected
    assert SERVICES["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_topics_are_created_in_a_shell(tmp_path: Path) -> None:
    """The script is run with a stand-in for Kafka's tool, which writes down how it was called."""
    bash = shutil.which("bash")
    if bash is None:
        lack("bash", "the script that creates the topics is written for it")
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


def test_kafka_is_the_one_that_the_tests_run_on() -> None:
    pom = ElementTree.parse(ROOT / "cost_analytics" / "embedded" / "kafka" / "pom.xml").getroot()
    namespace = pom.tag.removesuffix("project")
    versions = {
        found.findtext(f"{namespace}artifactId"): found.findtext(f"{namespace}version")
        for found in pom.iter(f"{namespace}dependency")
    }
    for name in ("kafka", "topics"):
        assert SERVICES[name]["image"] == f"apache/kafka:{versions['kafka_2.13']}"


def test_nothing_starts_before_what_it_needs() -> None:
    assert _conditions("topics") == {"kafka": HEALTHY}
    assert _conditions("roles") == {"postgres": HEALTHY}
    assert _conditions("worker") == {"kafka": HEALTHY, "topics": DONE, "roles": DONE}
    assert _conditions("api") == {"topics": DONE, "roles": DONE}
    assert _conditions("notices") == _conditions("worker")


def _conditions(name: str) -> dict[str, str]:
    return {other: what["condition"] for other, what in SERVICES[name]["depends_on"].items()}


def test_what_is_waited_for_says_how_it_is() -> None:
    for name in ("kafka", "postgres", "api"):
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    for name in ("topics", "roles", "operator", "worker", "notices"):
        assert SERVICES[name]["healthcheck"] == {"disable": True}


def test_what_runs_for_ever_is_started_again_and_the_rest_is_not() -> None:
    for name, service in SERVICES.items():
        once = name in {"topics", "roles", "operator"}
        assert service["restart"] == ("no" if once else "unless-stopped")


def test_data_outlive_their_containers() -> None:
    kept = {volume.split(":")[0] for s in SERVICES.values() for volume in s.get("volumes", ())}
    assert kept == set(interpolated(GIVEN)["volumes"]) == {"kafka", "postgres"}
    log_dirs = SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"]
    assert SERVICES["kafka"]["volumes"] == [f"kafka:{log_dirs}"]


def test_there_is_a_port_for_each_replica_on_this_machine_only() -> None:
    [published] = SERVICES["api"]["ports"]
    found = re.fullmatch(r"127\.0\.0\.1:(\d+)-(\d+):(\d+)", published)
    assert found is not None
    assert int(found[2]) - int(found[1]) + 1 == int(SERVICES["api"]["deploy"]["replicas"])
    assert found[3] == str(SERVICES["api"]["environment"]["API_PORT"])
    assert int(SERVICES["worker"]["deploy"]["replicas"]) <= DEFAULT_PARTITIONS


async def test_what_health_checks_ask_for_exists() -> None:
    checks = re.findall(r"urlopen\((.+?), timeout", DOCKERFILE + TEXT)
    paths = [re.findall(r"/\w+", check)[-1] for check in checks]
    assert sorted(paths) == ["/health", "/ready"]
    async with served() as api:
        for path in paths:
            assert (await api.get(path)).status in {200, 503}  # no database is behind it


def test_the_image_holds_everything_the_wheel_is_built_from() -> None:
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE))
    names = {name for words in copied for name in words.split()}
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    readme = PROJECT["project"].get("readme")
    needed = {*packages, *PROJECT["project"]["license-files"], "pyproject.toml"}
    assert names >= needed | ({readme} if readme else set())
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == names
    assert all((ROOT / name).exists() for name in names)


def test_the_image_is_small_pinned_and_not_root() -> None:
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
