"""Known secrets go through every long-running process, in normal operation and in trouble.

Then each is searched for, also encoded, in every log line, in `/metrics` and in every answer but
the one that contains it on purpose.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, quote_plus, urlsplit

import pytest
from aiohttp import ClientSession

from devkit.embedded.ports import choose_port
from devkit.embedded.tansu import EmbeddedTansu
from ledger.postgres.logins import login_url
from tests.support.api import ApiClient, token
from tests.support.attacks import AttackRecorder
from tests.support.command_process import CommandProcess
from tests.support.logins import PASSWORDS, as_login
from tests.support.notifications import SECRET as WEBHOOK_SECRET
from tests.support.notifications import alert, write_alerts, write_channel
from tests.support.recording import fetch

JWT_SECRET = "Jwt-Secret+of/the=tests&with%odd characters"
SECRETS = {
    "JWT_SECRET": JWT_SECRET,
    "KAFKA_SASL_PASSWORD": 'kafka"password/of the+tests',
    "SMTP_URL": "smtp-password+of=the/tests",
    "SMS_PASSWORD": "sms'password\\of the tests",
    "DATABASE_URL of the api": PASSWORDS["api"],
    "DATABASE_URL of the worker": PASSWORDS["worker"],
    "DATABASE_URL of notices": PASSWORDS["notifications"],
    "a password that is wrong": "a-wrong-password of+the/tests",
    "signing secret of a webhook": WEBHOOK_SECRET,
}
COMMANDS = ("worker", "api", "notices")
UNREACHABLE = "127.0.0.1:1"
TROUBLE_SECONDS = 5
"""For how long each process tries to reach unreachable servers."""


def spellings(secret: str) -> set[bytes]:
    """Return the ways in which a secret may be written."""
    plain = secret.encode()
    texts = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    texts |= {json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    return {text.encode() for text in texts} | {base64.b64encode(plain), plain.hex().encode()}


def values_of(command: str, database_url: str, broker: str) -> dict[str, str]:
    """Return the settings of a process, with every secret that it takes."""
    smtp = f"smtp://user:{quote(SECRETS['SMTP_URL'], safe='')}@{UNREACHABLE}"
    own: Mapping[str, Mapping[str, str]] = {
        "worker": {},
        "api": {"JWT_SECRET": JWT_SECRET, "RERATE_DATABASE_URL": as_login(database_url, "worker")},
        "notices": {"WEBHOOK_ALLOW_PRIVATE": "true"},
    }
    delivery = {
        "SMTP_URL": smtp,
        "SMTP_FROM": "costs@product.example",
        "SMS_URL": "https://127.0.0.1:1/messages",
        "SMS_USERNAME": "account",
        "SMS_PASSWORD": SECRETS["SMS_PASSWORD"],
        "SMS_FROM": "+15550100",
    }
    return {
        "KAFKA_BOOTSTRAP_SERVERS": broker,
        "KAFKA_IDEMPOTENT": "false",
        "DATABASE_URL": database_url,
        "LOG_LEVEL": "DEBUG",
        **own[command],
        **({} if command == "worker" else delivery),
    }


def troubles(database_url: str) -> list[dict[str, str]]:
    """Return settings with which processes fail: unreachable servers and invalid values."""
    password = quote(SECRETS["a password that is wrong"], safe="")
    mail = quote(SECRETS["SMTP_URL"], safe="")
    away = as_login(database_url, "api").replace(f":{urlsplit(database_url).port}/", ":1/")
    return [
        {
            "KAFKA_BOOTSTRAP_SERVERS": UNREACHABLE,
            "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "KAFKA_SASL_MECHANISM": "PLAIN",
            "KAFKA_SASL_USERNAME": "user",
            "KAFKA_SASL_PASSWORD": SECRETS["KAFKA_SASL_PASSWORD"],
        },
        {"DATABASE_URL": away},
        {"DATABASE_URL": login_url(database_url, "api", SECRETS["a password that is wrong"])},
        {
            "DATABASE_URL": f"postgresql://user:{password}@host:no-port/database",
            "SMTP_URL": f"smpt://user:{mail}@host",
            "KAFKA_SASL_PASSWORD": SECRETS["KAFKA_SASL_PASSWORD"],
        },
    ]


class SecretSearch:
    """Collects the output of processes, and counts secrets in it."""

    def __init__(self) -> None:
        self.lines = 0
        self.leaks: list[str] = []

    def search(self, where: str, text: bytes, more: Mapping[str, str]) -> None:
        """Search a text line by line for all known and created secrets."""
        wanted = {name: spellings(secret) for name, secret in {**SECRETS, **more}.items()}
        for line in text.splitlines():
            self.lines += 1
            for name, forms in wanted.items():
                if any(form in line for form in forms):
                    self.leaks.append(f"{where}: {name}")


@asynccontextmanager
async def running(
    directory: Path, values: Mapping[str, Mapping[str, str]], shape: str
) -> AsyncIterator[None]:
    """Run processes for the length of a block, and end them after it."""
    children = [
        CommandProcess(command, directory, {**values[command], "LOG_FORMAT": shape})
        for command in values
    ]
    try:
        for child in children:
            child.start()
        yield
    finally:
        for child in children:
            child.abandon()


async def until_ready(api: ApiClient) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                if (await api.ask("GET", "/ready")).status == 200:
                    return
            except OSError:
                pass
            await asyncio.sleep(0.2)


async def send_requests(api: ApiClient, database_url: str) -> tuple[dict[str, str], list[bytes]]:
    """Send valid and invalid requests; returns the created secrets and the answers."""
    secrets: dict[str, str] = {}
    responses: list[bytes] = []

    async def ask(method: str, path: str, **options: object) -> bytes:
        response = await api.ask(method, path, **options)  # type: ignore[arg-type]
        responses.append(response.body)
        return response.body

    alice, admin, service = (
        token("alice", key=JWT_SECRET, role=role) for role in (None, "admin", "service")
    )
    forged = token("alice", key="another secret, and long enough too")
    secrets |= {"a user's token": alice, "an admin's token": admin, "a service's token": service}
    secrets |= {"a forged token": forged}
    user = "/api/costs/user/alice"
    for bearer in (alice, admin, service, forged, None):
        for path in (f"{user}/spending", f"{user}/budget", "/api/admin/prices", "/nothing"):
            await ask("GET", path, bearer=bearer)
        await ask("POST", "/api/costs/events", bearer=bearer, body={"token": alice, "x": forged})
        await ask("PUT", f"{user}/budget", bearer=bearer, body=f'{{"x": "{JWT_SECRET}'.encode())
    for query in (f"token={alice}", f"ticket={alice}", f"limit={quote(JWT_SECRET)}"):
        await ask("GET", f"/api/costs/live?{query}")
        await ask("GET", f"{user}/calls?{query}", bearer=alice)
    for _ in range(2):
        ticket = await api.ask("POST", "/api/costs/live/ticket", bearer=alice)
        secrets[f"ticket {len(secrets)}"] = str(ticket.data["ticket"])
        await ask("GET", f"/api/costs/live?ticket={ticket.data['ticket']}")
    wanted = {"type": "webhook", "address": "https://hooks.example/x"}
    channel = await api.ask("POST", f"{user}/channels", bearer=alice, body=wanted)
    secrets["secret of a new channel"] = str(channel.data["secret"])
    await ask("GET", f"{user}/channels", bearer=alice)
    await api.raw(f"GET /{alice} HTTP/9\r\nAuthorization: Bearer {alice}\r\n\r\n".encode())
    await write_channel(database_url, "https://127.0.0.1:1/hook")
    await write_channel(database_url, "alice@example.org", kind="email")
    await write_channel(database_url, "+15550101", kind="sms")
    await write_alerts(database_url, *(alert() for _ in range(3)))
    await ask("GET", "/metrics")
    return secrets, responses


async def until_attempted(database_url: str) -> None:
    """Wait until a notification was attempted on each channel type, and failed."""
    query = "SELECT count(DISTINCT type) FROM notice_attempts JOIN notice_deliveries USING (delivery_id) JOIN notice_channels USING (channel_id)"
    async with asyncio.timeout(60):
        while (await fetch(database_url, query))[0][0] < 3:
            await asyncio.sleep(0.5)


@pytest.mark.parametrize("secret", SECRETS)
def test_search_finds_encoded_secrets(secret: str) -> None:
    search = SecretSearch()
    for number, form in enumerate(spellings(SECRETS[secret]), 1):
        search.search("here", b"a line\nand " + form + b" in one\n", {})
        assert (search.lines, search.leaks) == (2 * number, [f"here: {secret}"] * number)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("shape", ["json", "text"])
async def test_no_secret_is_in_logs_answers_or_metrics(
    tansu: EmbeddedTansu,
    database_url: str,
    tmp_path: Path,
    shape: str,
    record_attack: AttackRecorder,
) -> None:
    search, port = SecretSearch(), choose_port()
    values = {
        command: {
            **values_of(command, database_url, tansu.bootstrap),
            **({"API_PORT": str(port)} if command == "api" else {}),
        }
        for command in COMMANDS
    }
    async with running(tmp_path, values, shape), ClientSession() as session:
        api = ApiClient(session, port)
        await until_ready(api)
        secrets, responses = await send_requests(api, database_url)
        await until_attempted(database_url)
    for response in responses:
        search.search("an answer", response, secrets)
    for change in troubles(database_url):
        troubled = {command: {**each, **change} for command, each in values.items()}
        async with running(tmp_path, troubled, shape):
            await asyncio.sleep(TROUBLE_SECONDS)
    for command in COMMANDS:
        log = (tmp_path / f"{command}.log").read_bytes()
        assert log.count(b"\n") > 10, log
        search.search(f"log of {command}", log, secrets)
    assert not search.leaks, set(search.leaks)
    record_attack(
        f"secrets in logs ({shape}), answers, metrics: lines",
        attempts=search.lines,
        refused=search.lines - len(search.leaks),
    )
