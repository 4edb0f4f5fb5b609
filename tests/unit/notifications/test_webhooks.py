"""Webhooks against misbehaving endpoints and misleading host names."""

import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from standardwebhooks import Webhook
from yarl import URL

from ledger.notifications.retry_policy import DeliveryResult
from streams.notifications.targets import (
    GuardedResolver,
    RefusedTargetError,
    SystemResolver,
    check_url,
)
from streams.notifications.webhook import WebhookSender
from tests.support.notifications import ID, SECRET, SHORT_MS, notice
from tests.support.raw_server import raw_server, read_head
from tests.support.receivers import Action, HttpReceiver, ScriptedResponse, receiver


class FixedResolver(AbstractResolver):
    """A name server of an attacker: returns prepared answers in turn."""

    def __init__(self, *responses: list[str], port: int = 0) -> None:
        self.resolved_names: list[str] = []
        self._answers = list(responses)
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.resolved_names.append(host)
        addresses = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=self._port or port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def posting(*script: Action) -> AsyncIterator[tuple[HttpReceiver, WebhookSender]]:
    async with receiver(*script) as endpoint:
        sender = WebhookSender(allow_private=True, timeout_ms=SHORT_MS)
        yield endpoint, sender
        await sender.close()


async def test_webhook_signature_can_be_verified() -> None:
    async with posting() as (endpoint, sender):
        assert await sender.send(notice(endpoint.url)) == DeliveryResult("delivered", "200")
    [request] = endpoint.requests
    assert request.head == "POST /hook HTTP/1.1"
    assert request.headers["webhook-id"] == f"msg_{ID}"
    assert request.headers["content-type"] == "application/json"
    assert Webhook(SECRET).verify(request.body, dict(request.headers)) == {"type": "channel.test"}


@pytest.mark.parametrize(
    ("act", "verdict", "status"),
    [
        (ScriptedResponse(200), "delivered", "200"),
        (ScriptedResponse(202, {"Content-Length": "1000000000"}), "delivered", "202"),
        (ScriptedResponse(204), "delivered", "204"),
        (ScriptedResponse(302, {"Location": "http://127.0.0.1:1/"}), "temporary", "302"),
        (ScriptedResponse(400), "temporary", "400"),
        (ScriptedResponse(404), "temporary", "404"),
        (ScriptedResponse(410), "gone", "410"),
        (ScriptedResponse(500), "temporary", "500"),
        (ScriptedResponse(200, {"X": "y" * 100_000}), "temporary", None),
        ("hang", "temporary", None),
        ("close", "temporary", None),
    ],
)
async def test_answer_of_an_endpoint_decides_the_result(
    act: Action, verdict: str, status: str | None
) -> None:
    async with posting(act) as (endpoint, sender):
        result = await sender.send(notice(endpoint.url))
    assert (result.verdict, result.status) == (verdict, status)
    assert (result.error is None) == (verdict == "delivered")
    assert endpoint.connections == 1  # no redirect is followed, nothing is sent twice


async def test_retry_after_of_an_endpoint_is_read() -> None:
    retry_after = {"Retry-After": "7"}
    async with posting(
        ScriptedResponse(429, retry_after),
        ScriptedResponse(503, retry_after),
        ScriptedResponse(500, retry_after),
    ) as (endpoint, sender):
        waits = [(await sender.send(notice(endpoint.url))).retry_after_seconds for _ in range(3)]
    assert waits == [7, 7, None]


async def test_connection_errors_do_not_reveal_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sender = WebhookSender(allow_private=True, timeout_ms=SHORT_MS)
    address = f"http://127.0.0.1:{port}/a-secret-path"
    for wrong in (address, "http://no-such-host.invalid/a-secret-path", "nonsense", "http://[::1"):
        result = await sender.send(notice(wrong))
        assert result.verdict == "temporary"
        assert "a-secret-path" not in (result.error or "")
    await sender.close()


@pytest.mark.parametrize(
    "response",
    [["127.0.0.1"], ["::1"], ["10.0.0.1"], ["169.254.169.254"], ["::ffff:127.0.0.1"],
     ["100.64.0.1"], ["fd00::1"], ["224.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["0.0.0.0"]],
)  # fmt: skip
async def test_host_name_of_a_private_network_is_refused(response: list[str]) -> None:
    async with receiver() as endpoint:
        sender = WebhookSender(
            resolver=FixedResolver(response, port=endpoint.port), timeout_ms=SHORT_MS
        )
        result = await sender.send(notice("https://hook.example/"))
        await sender.close()
    assert result == DeliveryResult("permanent", error="The address leads into a private network.")
    assert endpoint.connections == 0


@pytest.mark.parametrize(
    "address",
    ["https://127.0.0.1/", "https://[::1]/", "https://[::ffff:7f00:1]/", "https://10.1.2.3:8443/",
     "https://127.1/", "https://2130706433/", "https://0x7f.0.0.1/", "https://127.0.0.1./",
     "http://93.184.216.34/", "https://93.184.216.34:22/", "https://169.254.169.254/latest"],
)  # fmt: skip
async def test_numeric_addresses_are_checked(address: str) -> None:
    sender = WebhookSender(timeout_ms=SHORT_MS)
    result = await sender.send(notice(address))
    await sender.close()
    assert result.verdict != "delivered"
    if "0x" not in address:  # refused if the system's resolver accepts this form
        assert result.error is not None
        assert "private" in result.error or "HTTPS" in result.error or "canonical" in result.error


async def test_dns_rebinding_is_refused() -> None:
    """A name is public when checked and private when used: it is resolved only once."""
    async with receiver() as endpoint:
        names = FixedResolver(["192.0.2.1"], ["127.0.0.1"], port=endpoint.port)
        guard = GuardedResolver(resolver=names)
        with pytest.raises(RefusedTargetError):
            await guard.resolve("hook.example", 443)
        sender = WebhookSender(resolver=names, timeout_ms=SHORT_MS)
        assert (await sender.send(notice("https://hook.example/"))).verdict == "permanent"
        assert names.resolved_names == ["hook.example"] * 2
        await sender.close()
    assert endpoint.connections == 0


async def test_connection_uses_the_checked_address() -> None:
    async with receiver() as endpoint:
        names = FixedResolver(["127.0.0.1"], ["192.0.2.1"], port=endpoint.port)
        sender = WebhookSender(allow_private=True, resolver=names, timeout_ms=SHORT_MS)
        result = await sender.send(notice(f"http://hook.example:{endpoint.port}/"))
        await sender.close()
    assert result.verdict == "delivered"
    assert names.resolved_names == ["hook.example"]
    assert endpoint.requests[0].headers["host"] == f"hook.example:{endpoint.port}"


async def test_system_resolver_resolves_names() -> None:
    resolver = SystemResolver()
    found = await resolver.resolve("localhost", 80, socket.AF_INET)
    assert found[0]["host"] == "127.0.0.1"
    with pytest.raises(OSError, match=r".+"):
        await resolver.resolve("no-such-host.invalid")
    await resolver.close()
    check_url(URL("https://93.184.216.34:8443/"), allow_private=False)


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["header", "headers", "interim responses"],
)
async def test_endpoint_that_answers_slowly_is_left_in_time(beginning: bytes, piece: bytes) -> None:
    """Each piece comes within the timeout, the answer does not."""

    def converse(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(beginning)
        while True:
            connection.sendall(piece)
            time.sleep(0.05)

    sender = WebhookSender(allow_private=True, timeout_ms=SHORT_MS)
    with raw_server(converse) as url:
        started = time.monotonic()
        result = await sender.send(notice(url))
        seconds = time.monotonic() - started
    await sender.close()
    assert result == DeliveryResult("temporary", error="There was no response in time.")
    assert seconds < SHORT_MS / 1_000 + 2
