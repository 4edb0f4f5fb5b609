"""Settings: all errors at once, no secret in a message, no mixed sources."""

import pickle
from dataclasses import asdict
from pathlib import Path

import pytest

from api.http.options import RequestLimits
from cost_analytics import settings
from cost_analytics.configuration.api_section import LimitSection
from cost_analytics.configuration.dev_file import read_env_file, write_env_file
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.variable import Need
from cost_analytics.configuration.variables import VARIABLES
from cost_analytics.settings import SettingsError, merge, settings_from
from schemas.notices import CHAT_TYPES

KEY = "a-key-of-more-than-thirty-two-bytes"
GOOD = {
    "KAFKA_BOOTSTRAP_SERVERS": "one:9092, two:9093",
    "DATABASE_URL": "postgresql://user:pass%40word@db/costs?sslmode=verify-full",
    "JWT_SECRET": KEY,
}
PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----"""


def errors_of(values: dict[str, str], *needs: Need) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings_from(values, *needs)
    return caught.value.errors


def test_settings_have_defaults() -> None:
    loaded = settings_from(GOOD, "kafka", "database", "tokens", "api", "budget", "worker", "dev")
    assert loaded.kafka.bootstrap_servers == "one:9092,two:9093"
    assert loaded.kafka.idempotent
    assert loaded.api.host == "127.0.0.1"
    assert (loaded.api.port, loaded.dev.port, loaded.dev.simulate) == (8080, 8080, True)
    assert loaded.tokens.user_claim == "sub"
    assert loaded.budget.basis == "charged"
    assert loaded.logs.level == "INFO"


@pytest.mark.parametrize(("given", "times"), [("0", 0), ("no", 0), ("true", 1), ("10", 10)])
def test_simulation_can_be_disabled_or_scaled(given: str, times: int) -> None:
    assert settings_from({"SIMULATE": given}, "dev").dev.simulate == times


def test_invalid_simulation_setting_is_refused() -> None:
    assert errors_of({"SIMULATE": "101"}, "dev") == [
        'SIMULATE must be a whole number from 0 to 100, not "101".'
    ]
    assert errors_of({"SIMULATE": "lots"}, "dev") == ['SIMULATE must be true or false, not "lots".']


def test_kafka_client_settings_are_read() -> None:
    given = {
        **GOOD,
        "KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
        "KAFKA_SASL_MECHANISM": "scram-sha-512",
        "KAFKA_SASL_USERNAME": "me",
        "KAFKA_SASL_PASSWORD": "secret words",
        "KAFKA_IDEMPOTENT": "no",
        "KAFKA_SESSION_TIMEOUT_MS": "6000",
        "KAFKA_FETCH_MAX_WAIT_MS": "20",
    }
    client = settings_from(given, "kafka").kafka.client()
    assert client.security_protocol == "SASL_SSL"
    assert client.sasl_mechanism == "SCRAM-SHA-512"
    assert (client.sasl_username, client.sasl_password) == ("me", "secret words")
    assert not client.idempotent
    assert client.session_timeout_ms == 6000
    assert client.fetch_max_wait_ms == 20


def test_all_errors_are_reported_at_once_without_secrets() -> None:
    wrong = {
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SSL_CA_FILE": "/nowhere/ca.pem",
        "KAFKA_HEARTBEAT_INTERVAL_MS": "9000",
        "DATABASE_URL": "mysql://me:hush-hush@host/db",
        "JWT_SECRET": "too short",
        "JWT_PUBLIC_KEY": "no key",
        "JWT_JWKS_URL": "http://keys.example.com",
        "API_PORT": "99999",
        "CORS_ORIGINS": "https://good.example, example.com/path",
        "BUDGET_BASIS": "guess",
        "WORKER_LANES": "many",
        "SMTP_URL": "smtp://",
        "SMS_URL": "http://sms.example.com",
        "LOG_LEVEL": "loud",
    }
    errors = errors_of(wrong, "kafka", "database", "tokens", "api", "budget", "worker", "delivery")
    for name in wrong:
        assert any(name in error for error in errors), name
    assert any(error.startswith("KAFKA_BOOTSTRAP_SERVERS is not set") for error in errors)
    assert any("give exactly one" in error for error in errors)
    assert all(error.endswith(".") for error in errors)
    assert "hush" not in " ".join(errors)
    assert "too short" not in " ".join(errors)


def test_only_needed_sections_are_checked() -> None:
    assert settings_from({"API_PORT": "nonsense"}).api.port == 8080
    assert "JWT_SECRET" not in " ".join(errors_of({}, "kafka", "database", "worker"))


@pytest.mark.parametrize("servers", ["broker", "broker:0", "broker:99999", "a b:1", "one:1,two"])
def test_invalid_bootstrap_servers_are_refused(servers: str) -> None:
    assert "host:port" in errors_of({"KAFKA_BOOTSTRAP_SERVERS": servers}, "kafka")[0]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgresql://host",
        "postgresql://host:port/db",
        "postgresql://host/db?sslmode=maybe",
        "host/db",
    ],
)
def test_invalid_database_urls_are_refused(url: str) -> None:
    assert errors_of({"DATABASE_URL": url}, "database")[0].startswith("DATABASE_URL")


def test_local_socket_is_a_valid_address() -> None:
    url = "postgresql:///costs?host=/run/pg"
    assert settings_from({"DATABASE_URL": url}, "database").database_url.reveal() == url


def test_public_key_may_be_one_line() -> None:
    one_line = PUBLIC_KEY.replace("\n", "\\n")
    assert settings_from({"JWT_PUBLIC_KEY": one_line}, "tokens").tokens.public_key == PUBLIC_KEY


@pytest.mark.parametrize(
    ("given", "sender"),
    [
        ({"SMTP_URL": "smtp://mail:25", "SMTP_FROM": "costs@example.org"}, "costs@example.org"),
        ({"SMTP_URL": "smtps://costs%40example.org:pw@mail"}, "costs@example.org"),
        ({}, None),
    ],
)
def test_mail_sender_is_set_or_derived(given: dict[str, str], sender: str | None) -> None:
    loaded = settings_from(given, "delivery").delivery
    assert loaded.smtp_from == sender
    assert ("email" in loaded.channel_types()) == bool(given)


@pytest.mark.parametrize("name", ["SMTP_URL", "SMS_URL"])
def test_port_0_is_refused(name: str) -> None:
    scheme = name.partition("_")[0].lower().replace("sms", "https")
    errors = errors_of({name: f"{scheme}://costs.example:0"}, "delivery")
    assert any(error.startswith(f"{name} must be an address like") for error in errors)


def test_channel_settings_are_checked() -> None:
    sms = {"SMS_URL": "https://sms.example/", "SMS_USERNAME": "AC1", "SMS_PASSWORD": "hush-hush"}
    assert errors_of(sms, "delivery") == ["SMS_FROM is not set, but another SMS setting is."]
    assert "SMTP_FROM" in errors_of({"SMTP_URL": "smtp://user:pw@mail"}, "delivery")[0]
    assert "https" in errors_of({**sms, "SMS_URL": "http://sms.example/"}, "delivery")[-1]
    local = {
        **sms,
        "SMS_URL": "http://127.0.0.1:1/",
        "SMS_FROM": "+1",
        "SMTP_URL": "smtp://a@b.c@h",
    }
    loaded = settings_from(local, "delivery")
    assert loaded.delivery.channel_types() == ("email", "sms", "webhook", *CHAT_TYPES)
    assert not loaded.delivery.webhook_allow_private
    assert "hush-hush" in loaded.secrets()
    assert "hush" not in repr(loaded)
    assert settings_from({}, "delivery").delivery.channel_types() == ("webhook", *CHAT_TYPES)


def test_trusted_proxies_are_networks() -> None:
    given = {"TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8,192.0.2.7"}
    proxies = settings_from(given, "limits").limits.trusted_proxies
    assert list(map(str, proxies)) == ["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"]


@pytest.mark.parametrize("network", ["proxy", "10.0.0.1/8", "10.0.0.0/33", "0.0.0.0/0", "::/0"])
def test_invalid_trusted_proxies_are_refused(network: str) -> None:
    [error] = errors_of({"TRUSTED_PROXIES": f"10.0.0.0/8, {network}"}, "limits")
    assert error.startswith("TRUSTED_PROXIES must")
    assert network in error


def test_limits_have_the_same_defaults_everywhere() -> None:
    assert settings_from({}, "limits").limits == LimitSection()
    assert RequestLimits(**asdict(LimitSection())) == RequestLimits()


def test_secrets_are_never_shown() -> None:
    loaded = settings_from(GOOD | {"KAFKA_SASL_PASSWORD": ""}, "kafka", "database", "tokens")
    for text in (repr(loaded), str(loaded), f"{loaded.tokens.secret:>20}", f"{loaded}"):
        assert KEY not in text
        assert "%40word" not in text
    assert loaded.tokens.secret.reveal() == KEY
    assert loaded.tokens.secret == Secret(KEY)
    assert not Secret("")
    with pytest.raises(TypeError):
        pickle.dumps(loaded.tokens.secret)


def test_environment_overrides_the_dev_file() -> None:
    beside = {"DATABASE_URL": "there", "API_PORT": "1"}
    assert merge({"DATABASE_URL": "here", "API_PORT": " "}, beside) == {
        "DATABASE_URL": "here",
        "API_PORT": "1",
    }


def test_settings_of_two_clusters_are_not_mixed() -> None:
    beside = {"KAFKA_BOOTSTRAP_SERVERS": "dev:1", "KAFKA_IDEMPOTENT": "false"}
    assert merge({"KAFKA_BOOTSTRAP_SERVERS": "prod:1"}, beside) == {
        "KAFKA_BOOTSTRAP_SERVERS": "prod:1"
    }
    assert merge({"KAFKA_BOOTSTRAP_SERVERS": "dev:1"}, beside) == beside


def test_keys_of_two_kinds_are_not_mixed() -> None:
    beside = {"JWT_SECRET": "dev", "JWT_ISSUER": "dev"}
    assert merge({"JWT_PUBLIC_KEY": "pem"}, beside) == {
        "JWT_PUBLIC_KEY": "pem",
        "JWT_ISSUER": "dev",
    }


def test_dev_file_is_private_and_read_by_other_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".local" / "dev.env"
    write_env_file(path, {"DATABASE_URL": "old"})
    write_env_file(path, {"DATABASE_URL": "postgresql://u:p=q@h/d"})
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["dev.env"]
    assert read_env_file(path) == {"DATABASE_URL": "postgresql://u:p=q@h/d"}
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert settings.load("database", dev_file=path).database_url.reveal().endswith("p=q@h/d")


def test_unreadable_dev_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        settings.load(dev_file=tmp_path)


def test_dev_decides_some_settings_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgresql://production/db")
    monkeypatch.setenv("JWT_ISSUER", "us")
    assert settings.ignored_by_dev() == ["DATABASE_URL"]
    assert settings.passed_on_by_dev() == {"JWT_ISSUER": "us"}
    child = settings.command_environment({"API_PORT": "1"})
    assert "DATABASE_URL" not in child
    assert child["API_PORT"] == "1"
    assert "PATH" in child


def test_retention_keeps_identities_that_may_repeat() -> None:
    kept = settings_from(GOOD, "retention").retention
    assert (kept.identity_days, kept.alert_days, kept.interval_minutes) == (430, 800, 60)
    longer = settings_from({**GOOD, "RETENTION_IDENTITY_DAYS": "1000"}, "retention")
    assert longer.retention.identity_days == 1000
    assert errors_of(
        {**GOOD, "RETENTION_IDENTITY_DAYS": "429", "RETENTION_ALERT_DAYS": "0"}, "retention"
    ) == [
        'RETENTION_IDENTITY_DAYS must be a whole number from 430 to 36500, not "429".',
        'RETENTION_ALERT_DAYS must be a whole number from 465 to 36500, not "0".',
    ]
