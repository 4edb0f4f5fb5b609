"""Deliveries of vendors: verified before they are read, and durable before the answer."""

import time
from typing import Any

import pytest

from tests.support.api import ApiClient
from tests.support.attacks import AttackRecorder
from tests.support.intake import MemoryEventStream
from tests.support.webhooks import (
    ROOT,
    SECRET,
    SIGN,
    WEBHOOKS,
    deliver,
    form,
    make_endpoint,
    packed,
    recorded,
)

BODIES = {
    "vapi": "vapi-end-of-call-report",
    "retell": "retell-call-analyzed",
    "telnyx": "telnyx-call-cost",
    "elevenlabs": "elevenlabs-post-call-transcription",
    "twilio": "twilio-completed",
    "deepgram": "deepgram-callback",
}
UNTIMED = {"deepgram"}
"""Vendors that sign no time: the ids of events alone make repeats harmless."""


def body_of(provider: str, at: float | None = None) -> bytes:
    body = recorded(BODIES[provider])
    if provider != "twilio":
        return packed(body)
    stamp = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(at))
    return form({**body, "Timestamp": stamp})


async def send(api: ApiClient, endpoint: Any, **options: Any) -> Any:
    body = body_of(endpoint["provider"], options.get("at"))
    return await deliver(api, endpoint, body, query="?userId=alice", **options)


def path_of_another(endpoint: Any) -> str:
    """Return the path of an endpoint that does not exist: the last character is another one."""
    path: str = endpoint["path"]
    return path[:-1] + ("_" if path[-1] != "_" else "-")


@pytest.mark.parametrize("provider", BODIES)
async def test_only_recent_deliveries_with_a_valid_signature_are_accepted(
    api: ApiClient, stream: MemoryEventStream, provider: str, record_attack: AttackRecorder
) -> None:
    endpoint = await make_endpoint(api, provider)
    now = time.time()
    accepted = await send(api, endpoint, at=now)
    assert accepted.status == 200, accepted.body
    count = len(stream.events)
    assert count == accepted.data["events"] > 0
    body = body_of(provider, now)
    refused = [
        await send(api, endpoint, secret="another secret"),
        await api.ask("POST", endpoint["path"], body=body),
        await deliver(api, {**endpoint, "path": path_of_another(endpoint)}, body),
        await deliver(api, {**endpoint, "path": f"/api/webhooks/{provider}/x"}, body),
    ]
    if provider not in UNTIMED:
        refused.append(await send(api, endpoint, at=now - 301))
        refused.append(await send(api, endpoint, at=now + 3_600))
        signed = SIGN[provider]("s", body, now, "")
        altered = await api.ask("POST", endpoint["path"], headers=signed, body=body + b" ")
        refused.append(altered)
    answers = [(answer.status, answer.code) for answer in refused]
    sound = answers.count((401, "unauthorized"))
    record_attack(f"webhook of {provider}: forged or old", attempts=len(refused), refused=sound)
    assert sound == len(refused), answers
    assert len(stream.events) == count
    assert (await send(api, endpoint, at=now)).status == 200
    assert [event.value for event in stream.events[count:]] == [
        event.value for event in stream.events[:count]
    ]


async def test_two_secrets_are_valid_at_a_time(api: ApiClient) -> None:
    endpoint = await make_endpoint(api, "retell")
    secrets = f"{WEBHOOKS}/{endpoint['id']}/secrets"
    for secret in ("the second secret", "the third secret"):
        await api.ask("POST", secrets, bearer=ROOT, body={"secret": secret})
    for secret, status in ((SECRET, 401), ("the second secret", 200), ("the third secret", 200)):
        assert (await send(api, endpoint, secret=secret)).status == status
    [item] = (await api.ask("GET", WEBHOOKS, bearer=ROOT)).data["endpoints"]
    assert len(item["secrets"]) == 2
    older = item["secrets"][-1]["id"]
    assert (await api.ask("DELETE", f"{secrets}/{older}", bearer=ROOT)).status == 200
    assert (await api.ask("DELETE", f"{secrets}/{older}", bearer=ROOT)).status == 404
    time.sleep(1.1)  # the API reads an endpoint once a second
    assert (await send(api, endpoint, secret="the second secret")).status == 401
    assert (await api.ask("DELETE", f"{WEBHOOKS}/{endpoint['id']}", bearer=ROOT)).status == 200
    time.sleep(1.1)
    assert (await send(api, endpoint, secret="the third secret")).status == 401


async def test_secret_is_shown_once_and_the_last_outcome_is_listed(api: ApiClient) -> None:
    wanted = {"provider": "vapi", "name": "Vapi"}
    made = (await api.ask("POST", WEBHOOKS, bearer=ROOT, body=wanted)).data
    assert len(made["secret"]) >= 40
    await send(api, made["item"], secret="wrong")
    await send(api, made["item"], secret=made["secret"])
    listed = await api.ask("GET", WEBHOOKS, bearer=ROOT)
    assert made["secret"].encode() not in listed.body
    [item] = listed.data["endpoints"]
    assert "not valid for any secret" in item["refusal"]
    assert None not in {item["acceptedAt"], item["refusedAt"]}


async def test_vendor_is_asked_to_retry_until_the_events_are_durable(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    endpoint = await make_endpoint(api, "retell")
    stream.gone = True
    refused = await send(api, endpoint)
    assert (refused.status, refused.code) == (503, "unavailable")
    stream.gone = False
    assert (await send(api, endpoint)).status == 200


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"provider": "acme"}, "`provider` must be one of"),
        ({"userPath": "a..b"}, "`userPath` must be"),
        ({"secret": "short"}, "secret"),
        ({"settings": {"x": 1}}, "`settings.x` is unknown"),
        ({"provider": "telnyx", "secret": "no public key"}, "`secret` must be the account"),
        ({"replayWindow_seconds": 5}, "replayWindow_seconds"),
        ({"provider": "elevenlabs", "settings": {"usdPerCredit": "2"}}, "usdPerCredit"),
    ],
)
async def test_invalid_endpoint_is_refused_by_name(
    api: ApiClient, changes: dict[str, Any], why: str
) -> None:
    wanted = {"provider": "vapi", "name": "Vapi", **changes}
    refused = await api.ask("POST", WEBHOOKS, bearer=ROOT, body=wanted)
    assert (refused.status, refused.code) == (400, "invalid_body")
    assert why in refused.json["error"]
