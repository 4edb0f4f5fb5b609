"""Webhooks of any service: read by the mapping of their endpoint, each event once."""

import asyncio
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import ApiClient
from tests.support.command import run_command
from tests.support.intake import MemoryEventStream
from tests.support.webhooks import ROOT, SECRET, WEBHOOKS, deliver, make_endpoint, packed

MAP = {
    "source": "/shop",
    "event": [
        {
            "type": "call.charged",
            "when": {"/kind": "payment"},
            "id": "/payment/id",
            "time": "/at",
            "callId": "/call",
            "amount": {"at": "/payment/cents", "decimals": 2},
        }
    ],
}


def payment(number: int, **changes: Any) -> dict[str, Any]:
    at = datetime.now(UTC).replace(microsecond=0).isoformat()
    paid = {"id": f"p{number}", "cents": 499}
    return {"kind": "payment", "at": at, "call": f"c{number}", "payment": paid, **changes}


async def test_body_becomes_events_with_ids_of_its_own(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    endpoint = await make_endpoint(api, "mapped", settings={"map": MAP}, userPath="owner.id")
    one, two = payment(1, owner={"id": 7}), payment(2)
    assert (await deliver(api, endpoint, packed([one, two, {"kind": "ping"}]))).data["events"] == 2
    assert (await deliver(api, endpoint, packed(two))).data["events"] == 1
    events = stream.decoded()
    assert [(event.source, event.id) for event in events] == [
        ("/api/webhooks/mapped/shop", "p1"),
        ("/api/webhooks/mapped/shop", "p2"),
        ("/api/webhooks/mapped/shop", "p2"),
    ]
    assert [event.user_id for event in events] == ["7", None, None]
    assert events[1].identity == events[2].identity
    ignored = await deliver(api, endpoint, packed({"kind": "ping"}))
    assert ignored.data == {
        "events": 0,
        "ignored": "No rule of the mapping matches.",
        "refused": None,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"call": None}, "Document 2: /call is missing: `callId` of call.charged."),
        ({"payment": {"id": "p", "cents": "x"}}, "Document 2: /payment/cents is 'x' and not a"),
        ({"payment": {"cents": 1}}, "Document 2: /payment/id is missing: `id`"),
        ({"payment": {"id": "p", "cents": -1}}, "It is from /payment/cents."),
    ],
)
async def test_list_with_a_wrong_document_is_refused_with_its_pointer(
    api: ApiClient, stream: MemoryEventStream, change: dict[str, Any], message: str
) -> None:
    endpoint = await make_endpoint(api, "mapped", settings={"map": MAP})
    answer = await deliver(api, endpoint, packed([payment(1), payment(2, **change)]))
    assert (answer.status, answer.code) == (400, "invalid_event")
    assert message in answer.body.decode()
    assert stream.events == []


async def test_body_that_is_no_json_is_refused(api: ApiClient) -> None:
    endpoint = await make_endpoint(api, "mapped", settings={"map": MAP})
    answer = await deliver(api, endpoint, b"payment=1")
    assert (answer.status, answer.code) == (400, "invalid_json")


async def test_signature_of_the_body_is_checked(api: ApiClient) -> None:
    settings = {"map": MAP, "signatureHeader": "X-Shop-Signature"}
    endpoint = await make_endpoint(api, "mapped", settings=settings)
    body = packed(payment(1))
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    statuses = []
    for given in (digest, f"sha256={digest}", digest[:-1], "0" * 64, f"Bearer {SECRET}"):
        headers = {"X-Shop-Signature": given, "Content-Type": "application/json"}
        answer = await api.ask("POST", endpoint["path"], headers=headers, body=body)
        statuses.append(answer.status)
    assert statuses == [200, 200, 401, 401, 401]
    assert (await deliver(api, endpoint, body)).status == 401


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "`settings.map` is missing"),
        ({"map": {}}, "event must be 1 to 50 rules"),
        ({"map": {**MAP, "source": None}}, "`settings.map` needs `source`"),
        ({"map": {"source": "/x", "event": [{**MAP["event"][0], "id": None}]}}, "id is empty"),  # type: ignore[dict-item]
        ({"map": MAP, "maps": 1}, "`settings.maps` is unknown"),
        ({"map": MAP, "signatureHeader": "X Y"}, "must be the name of a header"),
    ],
)
async def test_wrong_settings_are_refused(
    api: ApiClient, settings: dict[str, Any], message: str
) -> None:
    body = {"provider": "mapped", "name": "x", "settings": settings}
    answer = await api.ask("POST", WEBHOOKS, bearer=ROOT, body=body)
    assert answer.status == 400
    assert message in answer.body.decode()


async def test_endpoint_is_made_with_the_file_of_a_mapping(
    api: ApiClient, stream: MemoryEventStream, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "shop.json").write_text(json.dumps(MAP))
    (tmp_path / "wrong.json").write_text(json.dumps({**MAP, "source": None}))
    values = {"DATABASE_URL": database_url}
    words = ("webhooks", "create", "mapped", "--name", "shop", "--map")
    wrong = await asyncio.to_thread(run_command, *words, "wrong.json", values=values, cwd=tmp_path)
    assert (wrong.returncode, "needs `source`" in wrong.stderr) == (1, True)
    made = await asyncio.to_thread(run_command, *words, "shop.json", values=values, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    (item,) = (await api.ask("GET", WEBHOOKS, bearer=ROOT)).data["endpoints"]
    assert item["settings"]["map"] == MAP
    secret = made.stdout.split()[-1]
    answer = await deliver(api, item, packed(payment(1)), secret=secret)
    assert (answer.status, len(stream.events)) == (200, 1), made.stdout
