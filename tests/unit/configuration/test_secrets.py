"""Secrets come from variables or files, are hard to guess, and are in no message."""

import secrets
from pathlib import Path
from typing import get_args

import pytest

from cost_analytics.configuration.database_section import Login
from cost_analytics.configuration.reader import Reader
from cost_analytics.configuration.secret import weakness_of
from cost_analytics.configuration.variable import Need
from cost_analytics.configuration.variables import SECRETS, VARIABLES
from cost_analytics.settings import SettingsError, load, merge, settings_from
from schemas.notices import CHAT_TYPES

KEY = "a-key-of-more-than-thirty-two-bytes"
URL = "postgresql://{user}@db/costs"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove all settings from the environment."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def errors_of(values: dict[str, str], *needs: Need, login: Login = "operator") -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings_from(values, *needs, login=login)
    return caught.value.errors


def file_with(directory: Path, content: str | bytes) -> str:
    path = directory / "secret"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_secret_settings_are_known() -> None:
    logins = {login.upper() for login in get_args(Login)}
    assert SECRETS.keys() == {
        "DATABASE_URL",
        "INTAKE_TOKEN",
        "PEOPLE_DATABASE_URL",
        "RERATE_DATABASE_URL",
        *(f"{login}_DATABASE_URL" for login in logins),
        *(f"{login}_DATABASE_PASSWORD" for login in logins),
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "JWT_SECRET",
        "KAFKA_SASL_PASSWORD",
        "SMTP_URL",
        "SMS_PASSWORD",
        "COMMANDS_WEBHOOK_SECRET",
        "TWILIO_AUTH_TOKEN",
        "TELNYX_API_KEY",
        "RETELL_API_KEY",
        "LIVEKIT_API_SECRET",
    }


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_every_secret_may_be_in_a_file(name: str, ending: str, tmp_path: Path) -> None:
    path = file_with(tmp_path, f" a secret with blanks {ending}")
    reader = Reader({f"{name}_FILE": path})
    assert reader.is_set(name)
    assert reader.secret(name).reveal() == " a secret with blanks "
    assert reader.errors == []


@pytest.mark.parametrize("content", ["", "\n", " \n"])
def test_empty_secret_file_counts_as_unset(content: str, tmp_path: Path) -> None:
    values = {"SMTP_URL_FILE": file_with(tmp_path, content)}
    assert settings_from(values, "delivery").delivery.channel_types() == ("webhook", *CHAT_TYPES)
    [error] = errors_of({"JWT_SECRET_FILE": file_with(tmp_path, content)}, "tokens")
    assert "is not set" in error


@pytest.mark.parametrize("name", SECRETS)
def test_secret_by_value_and_file_is_refused(name: str, tmp_path: Path) -> None:
    reader = Reader({name: "hush-hush", f"{name}_FILE": file_with(tmp_path, "hush-hush")})
    reader.required(name)
    reader.secret(name)
    assert reader.errors == [f"{name} and {name}_FILE are set; give one of them."]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hush\nhush", "with more than one line"),
        (b"hush\0hush", "with more than one line"),
        (b"hush\xff", "not UTF-8"),
        (b"hush" * 20_000, "more than 64 KiB"),
        (None, "cannot be read: No such file"),
        ("directory", "cannot be read: Is a directory"),
    ],
)
def test_unusable_secret_file_is_refused(
    content: bytes | str | None, reason: str, tmp_path: Path
) -> None:
    path = str(tmp_path / "hush-hush")
    if content == "directory":
        path = str(tmp_path)
    elif isinstance(content, bytes):
        path = file_with(tmp_path, content)
    [error] = errors_of({"JWT_SECRET_FILE": path}, "tokens")
    assert error.startswith("JWT_SECRET_FILE names a ")
    assert reason in error
    # The variable may hold the secret by mistake.
    assert "hush" not in error


def test_unreadable_file_of_an_unused_section_is_ignored() -> None:
    values = {"JWT_SECRET_FILE": "/nowhere", "API_DATABASE_PASSWORD_FILE": "/nowhere"}
    url = URL.format(user="u:p")
    assert settings_from({**values, "DATABASE_URL": url}, "database").database_url.reveal() == url


def test_address_of_a_login_may_be_in_a_file(tmp_path: Path) -> None:
    values = {
        "DATABASE_URL": URL.format(user="other"),
        "API_DATABASE_URL_FILE": file_with(tmp_path, URL.format(user="api:pw") + "\n"),
    }
    of_api = settings_from(values, "database", login="api").database_url
    assert of_api.reveal() == URL.format(user="api:pw")
    assert settings_from(values, "database").database_url.reveal() == URL.format(user="other")
    [error] = errors_of({"API_DATABASE_URL_FILE": "/nowhere"}, "database", login="api")
    assert error.startswith("API_DATABASE_URL_FILE names")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://api@db/costs", "postgresql://api:p%40%2F%25%3A@db/costs"),
        ("postgresql://api:own@db/costs", "postgresql://api:own@db/costs"),
        ("postgresql://db/costs", "postgresql://db/costs"),
    ],
)
def test_password_may_be_separate_from_its_address(url: str, expected: str, tmp_path: Path) -> None:
    values = {"DATABASE_URL": url, "API_DATABASE_PASSWORD_FILE": file_with(tmp_path, "p@/%:\n")}
    loaded = settings_from(values, "database", login="api")
    assert loaded.database_url.reveal() == expected
    assert settings_from(values, "database").database_url.reveal() == url


def test_api_reprices_with_the_worker_login() -> None:
    values = {
        "DATABASE_URL": URL.format(user="api:pw"),
        "PEOPLE_DATABASE_URL": URL.format(user="operator"),
        "RERATE_DATABASE_URL": URL.format(user="worker"),
        "WORKER_DATABASE_PASSWORD": "its-own",
    }
    loaded = settings_from(values, "database", login="api")
    assert loaded.rerate_url.reveal() == URL.format(user="worker:its-own")
    assert URL.format(user="worker:its-own") in loaded.secrets()
    assert loaded.people_url.reveal() == URL.format(user="operator")


def test_secret_files_are_not_mixed_with_the_dev_file() -> None:
    beside = {"JWT_SECRET": KEY, "DATABASE_URL": "dev", "SMTP_URL": "dev"}
    given = {"JWT_SECRET_FILE": "a", "API_DATABASE_URL_FILE": "b", "SMTP_URL_FILE": "c"}
    assert merge(given, beside) == given
    assert merge({"JWT_SECRET": "k"}, {"JWT_SECRET_FILE": "f"}) == {"JWT_SECRET": "k"}


def test_command_reads_the_file_named_by_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET_FILE", file_with(tmp_path, f"{KEY}\n"))
    loaded = load("tokens", dev_file=tmp_path / "none")
    assert loaded.tokens.secret.reveal() == KEY
    assert KEY in loaded.secrets()


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("s" * 64, "at least 8 different characters"),
        ("0123456" * 8, "at least 8 different characters"),
        ("01234567" * 8, "must not repeat a shorter text"),
        ("correct horse battery", "at least 32 bytes"),
    ],
)
def test_weak_secret_is_refused_with_a_hint(secret: str, reason: str) -> None:
    [error] = errors_of({"JWT_SECRET": secret}, "tokens")
    assert error.startswith("JWT_SECRET must")
    assert reason in error
    assert error.endswith("; `openssl rand -hex 32` generates one.")
    assert secret not in error


@pytest.mark.parametrize("login", ["api", "migrate", "notifications", "operator", "worker"])
def test_roles_create_refuses_weak_passwords(login: str) -> None:
    name = f"{login.upper()}_DATABASE_PASSWORD"
    values = {"DATABASE_URL": URL.format(user="root:pw"), name: "x" * 40}
    [error] = errors_of(values, "database", login="admin")
    assert error.startswith(f"{name} must have at least 8 different characters")
    good = settings_from({**values, name: "a-password-x"}, "database", login="admin")
    assert good.passwords[login].reveal() == "a-password-x"


def test_random_secrets_are_never_weak() -> None:
    for _ in range(2_000):
        assert weakness_of(secrets.token_hex(16), 32) is None
        assert weakness_of(secrets.token_urlsafe(24), 32) is None
