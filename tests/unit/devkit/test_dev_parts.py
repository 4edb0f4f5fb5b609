"""Parts of the development instance: its lock, its settings, its API requests."""

import asyncio
from pathlib import Path

import pytest

from cost_analytics import settings
from cost_analytics.configuration.dev_file import write_env_file
from cost_analytics.configuration.variables import VARIABLES
from cost_analytics.failures import CommandError
from cost_analytics.settings import SettingsError
from devkit.dev.environment import dev_values, validate_settings
from devkit.dev.http import get
from devkit.dev.lock import hold_lock
from devkit.dev.parts import RunningParts

KEY = "a-key-of-more-than-thirty-two-bytes"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove all settings from the environment."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def values_of(path: Path) -> dict[str, str]:
    return dev_values(
        path, bootstrap="b:1", database_urls={"DATABASE_URL": "postgresql://u:p@h/d"}, port=81
    )


def test_lock_admits_one_process(tmp_path: Path) -> None:
    path = tmp_path / ".local" / "dev.lock"
    refused = pytest.raises(CommandError, match="the first")
    with hold_lock(path, "the first"), refused, hold_lock(path, "the second"):
        pass
    with hold_lock(path, "the third"):
        assert path.read_text() == "the third\n"


async def test_log_directory_is_private(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir(mode=0o755)
    for directory in (tmp_path / "logs", tmp_path / "new" / "logs"):
        RunningParts(directory, {})
        assert directory.stat().st_mode & 0o777 == 0o700


def test_secret_file_is_used_instead_of_a_new_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(f"{KEY}\n")
    monkeypatch.setenv("JWT_SECRET_FILE", str(tmp_path / "secret"))
    values = values_of(tmp_path / "dev.env")
    assert "JWT_SECRET" not in values
    assert validate_settings(values).tokens.secret.reveal() == KEY


def test_settings_are_complete_and_the_secret_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "dev.env"
    first = values_of(path)
    assert validate_settings(first).api.port == 81
    assert len(first["JWT_SECRET"]) >= 32
    assert values_of(path)["JWT_SECRET"] != first["JWT_SECRET"]
    write_env_file(path, first)
    assert values_of(path) == first


def test_usable_settings_of_the_environment_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", KEY)
    monkeypatch.setenv("DATABASE_URL", "postgresql://production/costs")
    monkeypatch.setenv("BUDGET_BASIS", "cost")
    values = values_of(tmp_path / "dev.env")
    assert values["JWT_SECRET"] == KEY
    assert values["BUDGET_BASIS"] == "cost"
    assert values["DATABASE_URL"] == "postgresql://u:p@h/d"
    assert settings.ignored_by_dev() == ["DATABASE_URL"]
    monkeypatch.setenv("JWT_SECRET", "short")
    with pytest.raises(SettingsError, match="32 bytes"):
        validate_settings(values_of(tmp_path / "dev.env"))


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}", (200, "{}")),
        (b"HTTP/1.1 503 No\r\n\r\nwhy", (503, "why")),
        (b"", (0, "")),
        (b"SSH-2.0-whatever\r\n", (0, "")),
    ],
)
async def test_status_of_an_answer_is_read(response: bytes, expected: tuple[int, str]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        assert await get(server.sockets[0].getsockname()[1], "/ready") == expected


async def test_closed_port_has_status_0() -> None:
    assert await get(1, "/ready") == (0, "")
