"""Compose keeps secrets in files, isolates networks, and limits each container."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from cost_analytics import settings
from cost_analytics.configuration.variable import Need
from cost_analytics.configuration.variables import SECRETS, VARIABLES
from tests.support.compose import FILE, LOGINS, OURS, ROOT, SERVICES, TEXT, sections_of, texts
from tests.support.parts import skip_without

MOUNT: Final = "/run/secrets/"
UNSET: Final = {
    *("smtp_url", "sms_password", "commands_webhook_secret", "twilio_auth_token"),
    *("telnyx_api_key", "retell_api_key", "livekit_api_secret"),
}
"""The secrets of services that an operator may leave unused."""

LOGIN_ADDRESSES: Final = frozenset(
    {"DATABASE_URL", "ADMIN_DATABASE_URL", "RERATE_DATABASE_URL", "PEOPLE_DATABASE_URL"}
)
"""URLs that are given by value; their passwords are in files."""


@pytest.fixture(scope="module")
def secret_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create the secrets with the commands of the file and the README."""
    bash = shutil.which("bash")
    if bash is None or shutil.which("openssl") is None:
        skip_without("bash and openssl", "the commands that make the secrets are written for them")
    commands = re.search(r"^#   (mkdir .*\n(?:#   .*\n)+)", TEXT, re.MULTILINE)
    assert commands is not None
    script = commands[1].replace("#   ", "")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert script in re.sub(r" +# .*", "", readme)
    directory = tmp_path_factory.mktemp("compose")
    subprocess.run([bash, "-ec", script], cwd=directory, check=True)
    return directory


def test_secret_files_are_private(secret_files: Path) -> None:
    declared = {name: what["file"] for name, what in FILE["secrets"].items()}
    assert declared == {name: f"./secrets/{name}" for name in declared}
    files = {path.name: path.read_text() for path in (secret_files / "secrets").iterdir()}
    assert files.keys() == declared.keys()
    assert {name for name, text in files.items() if not text} == UNSET
    assert (secret_files / "secrets").stat().st_mode & 0o777 == 0o700
    assert "/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    used = {name for service in SERVICES.values() for name in service.get("secrets", ())}
    assert used == declared.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_services_get_only_their_secrets_and_none_by_value(name: str) -> None:
    environment = texts(SERVICES[name].get("environment", {}))
    assert not SECRETS.keys() - LOGIN_ADDRESSES & environment.keys()
    read = {text.removeprefix(MOUNT) for text in environment.values() if text.startswith(MOUNT)}
    assert read == set(SERVICES[name].get("secrets", ()))
    for text in environment.values():
        assert urlsplit(text).password is None


@pytest.mark.parametrize("name", OURS)
def test_services_get_existing_and_sufficient_settings(name: str, secret_files: Path) -> None:
    environment = texts(OURS[name]["environment"])
    assert environment.keys() <= VARIABLES.keys()
    # `operator` runs commands by hand.
    needs: tuple[Need, ...] = ("database", "kafka") if name == "operator" else sections_of(name)
    login = LOGINS[name]
    mounted = {
        variable: text.replace(MOUNT, f"{secret_files}/secrets/")
        for variable, text in environment.items()
    }
    loaded = settings.settings_from(mounted, *needs, login=login)
    is_admin = login == "admin"
    secret = "postgres" if is_admin else login
    password = (secret_files / "secrets" / f"{secret}_database_password").read_text().strip()
    user = "cost_analytics" if is_admin else f"cost_analytics_{login}"
    assert f"{user}:{password}@" in loaded.database_url.reveal()
    mounts = "postgres_database_password" in OURS[name]["secrets"]
    assert mounts is is_admin
    allowed = {*needs, "logs"}
    assert {VARIABLES[variable].section for variable in environment} <= allowed


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_resource_limits(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[1-9]\d*[mg]", service["mem_limit"])
    assert 0 < service["pids_limit"] <= 4_096
    assert service["logging"] == {
        "driver": "json-file",
        "options": {"max-size": "10m", "max-file": "5"},
    }


def test_networks_isolate_data_from_the_edge() -> None:
    members = {
        network: {name for name, service in SERVICES.items() if network in service["networks"]}
        for network in FILE["networks"]
    }
    published = {"prometheus", "grafana", "jaeger"}
    assert members["edge"] == {"api"}
    assert members["monitoring"] == published
    assert members["metrics"] == {"api", "worker", "notices", "commands", "collector", *published}
    assert members["out"] == {"notices", "commands"}
    assert members["data"] == {
        "postgres",
        "roles",
        "operator",
        "backup",
        "worker",
        "notices",
        "commands",
        "api",
    }
    assert members["stream"] == {
        *("kafka", "topics", "operator", "worker", "notices", "commands", "api")
    }
    internal = {name for name, what in FILE["networks"].items() if what and what.get("internal")}
    assert internal == {"metrics", "data", "stream"}
    # A service shares a network with its dependencies and with the hosts in its settings.
    for name, service in SERVICES.items():
        others = set(service.get("depends_on", ()))
        words = " ".join(texts(service.get("environment", {})).values())
        others |= {other for other in SERVICES if re.search(rf"\b{other}:\d", words)}
        for other in others - {name}:
            reachable = set(service["networks"]) & set(SERVICES[other]["networks"])
            assert reachable, (name, other)


def test_published_ports_are_local_and_exclude_our_metrics() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"api", "prometheus", "grafana", "jaeger"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert str(SERVICES["api"]["environment"]["METRICS_PORT"]) not in str(SERVICES["api"]["ports"])
