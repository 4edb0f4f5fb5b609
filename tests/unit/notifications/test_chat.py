"""Slack, Discord and Teams: accepted bodies, refusals, texts of emitters, and the guard."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.notifications.addresses import AddressError, canonical_address
from schemas.notices import CHAT_TYPES, ChatType
from streams.notifications.chat import SERVICES, ChatSender
from tests.support.chat_servers import GONE, PATHS, SERVERS, shown_texts
from tests.support.notifications import SHORT_MS, notice
from tests.support.receivers import Action, HttpReceiver, ScriptedResponse, receiver
from tests.unit.notifications.test_webhooks import FixedResolver

LINK = "https://costs.example.com/budget"


@asynccontextmanager
async def posting(
    kind: ChatType, *script: Action
) -> AsyncIterator[tuple[HttpReceiver, ChatSender, str]]:
    async with receiver(*script, then=SERVERS[kind]) as endpoint:
        sender = ChatSender(kind, allow_private=True, timeout_ms=SHORT_MS)
        yield endpoint, sender, endpoint.url.removesuffix("/hook") + PATHS[kind]
        await sender.close()


@pytest.mark.parametrize("kind", CHAT_TYPES)
async def test_message_is_accepted_with_one_link_to_the_page(kind: ChatType) -> None:
    async with posting(kind) as (endpoint, sender, address):
        result = await sender.send(notice(address, link=LINK))
        assert result.verdict == "delivered", result
        [request] = endpoint.requests
        target = request.head.split()[1]
        assert target == PATHS[kind] + ("?wait=true" if kind == "discord" else "")
        assert request.body.decode().count("https://") == 1
        assert LINK in request.body.decode()
        without = await sender.send(notice(address))
        assert without.verdict == "delivered"
        assert "https://" not in endpoint.requests[1].body.decode()


@pytest.mark.parametrize(("kind", "response"), [(k, r) for k in CHAT_TYPES for r in GONE[k]])
async def test_revoked_address_is_gone(kind: ChatType, response: ScriptedResponse) -> None:
    async with posting(kind, response) as (_, sender, address):
        result = await sender.send(notice(address))
    assert (result.verdict, result.status) == ("gone", str(response.status))
    assert "create a new one" in (result.error or "")
    assert address not in (result.error or "")


@pytest.mark.parametrize("kind", CHAT_TYPES)
async def test_rate_limits_and_outages_are_retried_as_asked(kind: ChatType) -> None:
    script: list[Action] = [
        ScriptedResponse(429, {"Retry-After": "30"}, b'{"retry_after": 29.5, "global": false}'),
        ScriptedResponse(503, {"Retry-After": "7"}),
        ScriptedResponse(500, body=b"rollup_error"),
        ScriptedResponse(403, body=b"<html>blocked</html>"),
        ScriptedResponse(302, {"Location": "http://127.0.0.1:1/"}),
        "hang",
        "close",
    ]
    async with posting(kind, *script) as (endpoint, sender, address):
        results = [await sender.send(notice(address)) for _ in script]
    assert {result.verdict for result in results} == {"temporary"}
    assert [result.retry_after_seconds for result in results[:3]] == [30, 7, None]
    assert len(endpoint.requests) == len(script)


@pytest.mark.parametrize("kind", CHAT_TYPES)
async def test_refused_message_is_not_retried(kind: ChatType) -> None:
    refusal = ScriptedResponse(400, body=b"invalid_payload" if kind == "slack" else b"{}")
    async with posting(kind, refusal) as (_, sender, address):
        assert (await sender.send(notice(address))).verdict == "permanent"


@pytest.mark.parametrize("kind", CHAT_TYPES)
async def test_private_networks_are_refused_by_every_name_and_number(kind: ChatType) -> None:
    for host, resolver in (
        ("10.0.0.1", None),
        ("[::1]", None),
        ("hooks.slack.com", FixedResolver(["127.0.0.1"])),
        ("hooks.slack.com", FixedResolver(["8.8.8.8", "169.254.169.254"])),
    ):
        sender = ChatSender(kind, resolver=resolver, timeout_ms=SHORT_MS)
        result = await sender.send(notice(f"https://{host}{PATHS[kind]}"))
        await sender.close()
        assert (result.verdict, result.error) == (
            "permanent",
            "The address leads into a private network.",
        )


HOSTS = {
    "slack": "hooks.slack.com",
    "discord": "discord.com",
    "teams": "prod-12.westeurope.logic.azure.com",
}


DOMAINS = HOSTS | {"teams": "logic.azure.com"}


@pytest.mark.parametrize("kind", CHAT_TYPES)
def test_addresses_are_those_of_the_service(kind: ChatType) -> None:
    good = f"https://{HOSTS[kind]}{PATHS[kind]}"
    assert canonical_address(kind, f" {good} ") == good
    for wrong in (
        f"https://{HOSTS[kind]}.example.com{PATHS[kind]}",
        f"https://example.com{PATHS[kind]}",
        f"https://evil{DOMAINS[kind]}{PATHS[kind]}",
        f"http://{HOSTS[kind]}{PATHS[kind]}",
        f"https://{HOSTS[kind]}/",
        f"https://{HOSTS[kind]}/../..{PATHS[kind]}",
        f"https://u:p@{HOSTS[kind]}{PATHS[kind]}",
        f"https://127.0.0.1{PATHS[kind]}",
    ):
        with pytest.raises(AddressError):
            canonical_address(kind, wrong)


def test_addresses_of_newer_workflows_are_accepted() -> None:
    address = (
        "https://default0f1e.9a.environment.api.powerplatform.com:443/powerautomate/automations/"
        "direct/workflows/0f1e/triggers/manual/paths/invoke?api-version=1&sp=%2Ft&sv=1.0&sig=abc"
    )
    assert canonical_address("teams", address) == address


ATTACKS = (
    "@everyone <!channel> <@U123> <at>Bob</at> <https://evil.example|Pay here> "
    "[Pay here](https://evil.example) https://evil.example www.evil.example "
    "mailto:a@evil.example **bold** `code` ||spoiler|| <t:1> # Heading"
)


@pytest.mark.parametrize("kind", CHAT_TYPES)
def test_texts_of_emitters_mention_no_one_and_add_no_links(kind: ChatType) -> None:
    body = SERVICES[kind].body_of(notice("x", title=ATTACKS, lines=(ATTACKS, ATTACKS)))
    assert SERVERS[kind](body).status < 300
    for text in shown_texts(kind, body):
        assert "@everyone" not in text
        assert not re.search(r"https?://|www\.|mailto:", text)
        if kind == "discord":  # each mark is escaped, so none has a meaning
            assert not re.search(r"(?<!\\)[*_~`|>#\[\]()<]", text)
    if kind == "slack":
        message = json.loads(body)
        assert {block["text"]["type"] for block in message["blocks"]} == {"plain_text"}
        assert "<" not in message["text"]
        assert message["unfurl_links"] is False


@given(
    st.text(max_size=400),
    st.lists(st.text(max_size=2_000), max_size=60),
    st.sampled_from(CHAT_TYPES),
)
def test_any_text_fits_the_limits(title: str, lines: list[str], kind: ChatType) -> None:
    shown = ("T" + title, tuple("L" + line for line in lines) or ("L",))
    body = SERVICES[kind].body_of(notice("x", title=shown[0], lines=shown[1], link=LINK))
    assert SERVERS[kind](body).status < 300
    assert all("@everyone" not in text and "://" not in text for text in shown_texts(kind, body))


@pytest.mark.parametrize("kind", CHAT_TYPES)
def test_longest_messages_fit(kind: ChatType) -> None:
    for letter in ("x", "é", "\U0001f4b8", "<", "*", "@"):
        body = SERVICES[kind].body_of(
            notice("x", title=letter * 3_000, lines=(letter * 50_000,) * 100, link=LINK)
        )
        assert SERVERS[kind](body).status < 300, (kind, letter)
