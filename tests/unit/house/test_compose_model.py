"""The library of Docker Compose accepts docker-compose.yml, and the monitoring in it is connected."""

import fcntl
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import yaml

from tests.support.compose import SERVICES, TEXT
from tests.support.house import ROOT
from tests.support.parts import skip_without

SOURCES: Final = ROOT / "tools" / "compose"
PROGRAMS: Final = ROOT / ".local" / "bin"
OBSERVABILITY: Final = ROOT / "observability"
FAULTS: Final = {
    "mem_limits": ("mem_limit:", "mem_limits:"),
    "undefined volume": ("- prometheus:/prometheus", "- metrics:/prometheus"),
    "undefined network": ("networks: [metrics, monitoring]", "networks: [metrics, watching]"),
    "depends on undefined service": ("      jaeger:\n        condition", "      tracer:\n        condition"),
    "undefined secret": ("secrets: [api_database_password,", "secrets: [api_password,"),
    "Invalid hostPort": ("127.0.0.1:${GRAFANA_PORT:-3000}:3000", "127.0.0.1:grafana:3000"),
}  # fmt: skip


@pytest.fixture(scope="session")
def program() -> Path:
    """Build the program once for its sources; skips the tests on a machine without Go."""
    sources = b"".join((SOURCES / name).read_bytes() for name in ("main.go", "go.sum"))
    target = PROGRAMS / f"compose-model-{hashlib.sha256(sources).hexdigest()[:16]}"
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    with (PROGRAMS / ".compose.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
            if go is None:
                skip_without("Go", "it builds the reader of Compose files")
            command = [go, "build", "-trimpath", "-o", str(target), "."]
            done = subprocess.run(command, cwd=SOURCES, check=False, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
    return target


def read(program: Path, file: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [program, file.name], cwd=file.parent, env={}, check=False, capture_output=True, text=True
    )


@pytest.mark.timeout(600)  # the first build fetches the library
def test_compose_accepts_the_file(program: Path) -> None:
    done = read(program, ROOT / "docker-compose.yml")
    assert done.returncode == 0, done.stderr
    model: dict[str, Any] = json.loads(done.stdout)
    assert model["services"].keys() == SERVICES.keys()
    bound = [
        Path(volume["source"])
        for service in model["services"].values()
        for volume in service.get("volumes", ())
        if volume["type"] == "bind"
    ]
    assert len(bound) >= 4
    assert all(path.is_dir() and any(path.iterdir()) for path in bound)


@pytest.mark.parametrize("reason", FAULTS)
def test_compose_finds_a_planted_fault(program: Path, reason: str, tmp_path: Path) -> None:
    old, new = FAULTS[reason]
    assert old in TEXT
    file = tmp_path / "docker-compose.yml"
    file.write_text(TEXT.replace(old, new))
    done = read(program, file)
    assert done.returncode == 1
    assert reason in done.stderr


def test_mounted_configurations_name_services_that_can_be_reached() -> None:
    collector = yaml.safe_load((OBSERVABILITY / "collector" / "collector.yml").read_text())
    [source_file] = (OBSERVABILITY / "grafana" / "provisioning" / "datasources").iterdir()
    sources = yaml.safe_load(source_file.read_text())["datasources"]
    addresses = [(f"//{each['endpoint']}", "collector") for each in collector["exporters"].values()]
    addresses += [(source["url"], "grafana") for source in sources]
    assert len(addresses) == 3
    for address, user in addresses:
        host = urlsplit(address).hostname or ""
        assert set(SERVICES[host]["networks"]) & set(SERVICES[user]["networks"]), address
    pipelines = collector["service"]["pipelines"].values()
    used = {name for pipeline in pipelines for part in pipeline.values() for name in part}
    assert used <= {*collector["receivers"], *collector["processors"], *collector["exporters"]}


def test_services_send_traces_to_the_port_of_the_collector() -> None:
    collector = yaml.safe_load((OBSERVABILITY / "collector" / "collector.yml").read_text())
    endpoint = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    port = endpoint.rpartition(":")[2]
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:{port}" in TEXT
    traced = [
        name
        for name, service in SERVICES.items()
        if "OTEL_EXPORTER_OTLP_ENDPOINT" in service.get("environment", {})
    ]
    assert set(traced) == {"worker", "notices", "commands", "api"}
    for name in traced:
        assert set(SERVICES[name]["networks"]) & set(SERVICES["collector"]["networks"])


def test_dashboards_are_mounted_where_grafana_looks_and_use_a_known_source() -> None:
    [provider] = (OBSERVABILITY / "grafana" / "provisioning" / "dashboards").iterdir()
    [path] = [each["options"]["path"] for each in yaml.safe_load(provider.read_text())["providers"]]
    assert f"./observability/grafana/dashboards:{path}:ro" in SERVICES["grafana"]["volumes"]
    [source_file] = (OBSERVABILITY / "grafana" / "provisioning" / "datasources").iterdir()
    types = [source["type"] for source in yaml.safe_load(source_file.read_text())["datasources"]]
    for file in (OBSERVABILITY / "grafana" / "dashboards").iterdir():
        dashboard = json.loads(file.read_text())
        chosen = {f"${{{each['name']}}}": each for each in dashboard["templating"]["list"]}
        named = {
            panel["datasource"]["uid"] for panel in dashboard["panels"] if "datasource" in panel
        }
        assert named
        for name in named:
            assert chosen[name]["type"] == "datasource"
            assert types.count(chosen[name]["query"]) == 1
