"""The deployed process `cost-analytics api`: secret files, and metrics on a separate port."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.token_section import TokenSection
from cost_analytics.tokens import mint
from devkit.embedded.ports import choose_port
from tests.support.command import COMMAND, environment, run_command
from tests.support.logins import PASSWORDS, as_login
from tests.support.processes import wait_for

SECRET = "a secret of the tests, and long enough"


def status_of(url: str, token: str | None = None) -> int:
    """Return the status of an answer, 0 for no answer."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urlopen(Request(url, headers=headers), timeout=5) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return 0


@pytest.fixture
def values(database_url: str, tmp_path: Path) -> dict[str, str]:
    """Return settings in which every secret is in a file."""
    (tmp_path / "jwt").write_text(f"{SECRET}\n")
    (tmp_path / "password").write_text(f"{PASSWORDS['api']}\n")
    parts = urlsplit(as_login(database_url, "api"))
    place = f"{parts.username}@{parts.hostname}:{parts.port}"
    return {
        "DATABASE_URL": parts._replace(netloc=place).geturl(),
        "API_DATABASE_PASSWORD_FILE": str(tmp_path / "password"),
        "JWT_SECRET_FILE": str(tmp_path / "jwt"),
        "JWT_LIFETIME_MAX_SECONDS": "3600",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "API_PORT": str(choose_port()),
        "METRICS_PORT": str(choose_port()),
    }


@pytest.fixture
def api(values: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """Run the API until the test ends, and return its address without a port."""
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, "api"], cwd=tmp_path, env=environment(values), stdout=log, stderr=log
        )
    try:
        url = "http://127.0.0.1:"
        alive = wait_for(lambda: status_of(f"{url}{values['METRICS_PORT']}/metrics") == 200, 40)
        assert alive, (tmp_path / "log").read_text()
        yield url
    finally:
        process.terminate()
        process.wait(60)
    assert process.returncode == 0


def test_api_reads_secret_files_and_serves_metrics_separately(
    api: str, values: dict[str, str], tmp_path: Path
) -> None:
    port, metrics_port = values["API_PORT"], values["METRICS_PORT"]
    tokens = TokenSection(secret=Secret(SECRET))
    path = f"{api}{port}/api/costs/user/alice/spending"
    assert status_of(path, mint(tokens, "alice", ttl_seconds=3_600)) == 200
    assert status_of(path, mint(tokens, "alice", ttl_seconds=3_601)) == 401
    assert status_of(f"{api}{port}/metrics") == 404
    for other in ("/health", "/", "/openapi.json", "/api/costs/user/alice/spending"):
        assert status_of(f"{api}{metrics_port}{other}") == 404
    log = (tmp_path / "log").read_text()
    assert SECRET not in log
    assert PASSWORDS["api"] not in log


def test_token_command_reads_the_secret_file_and_limits_the_lifetime(
    values: dict[str, str], tmp_path: Path
) -> None:
    command = ("token", "--user", "alice", "--ttl")
    done = run_command(*command, "3600", values=values, cwd=tmp_path)
    assert done.returncode == 0
    done = run_command(*command, "3601", values=values, cwd=tmp_path)
    assert done.returncode != 0
    assert "at most 3600 s (JWT_LIFETIME_MAX_SECONDS)" in done.stderr


@pytest.mark.parametrize("name", ["API_PORT", "METRICS_PORT"])
def test_taken_port_is_named(name: str, api: str, values: dict[str, str], tmp_path: Path) -> None:
    ports = {"API_PORT": str(choose_port()), "METRICS_PORT": str(choose_port())}
    done = run_command("api", values=values | ports | {name: values[name]}, cwd=tmp_path)
    assert done.returncode != 0
    assert f"Choose another API_HOST or {name}." in done.stderr
