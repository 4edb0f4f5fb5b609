"""What fake vendors of calls accept, in their documented shapes, and how they answer.

A request to end a call is about the vendor's name of the call. One for an earlier step is about
this name, `#` and the step; it may be repeated.
"""

import base64
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

import jwt

from ledger.notifications.signatures import secret_text, signature_headers

ACCOUNT, TOKEN, KEY = "AC" + "0" * 32, "a token of the tests", "a key of the tests"
LIVEKIT_SECRET = "a secret of LiveKit, which the tests use"
AGENT = "agent-AJ_1"
SENTENCE = "We have to finish this call soon."
"""What a warned call's agent says."""
WEBHOOK_SECRET = secret_text(b"a secret of the tests, 32 bytes.")


class Request(NamedTuple):
    """A request as a vendor reads it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)


class Reply(NamedTuple):
    status: int
    body: Any = None
    retry_after: int | None = None


class Vendor(NamedTuple):
    """How a vendor reads a request (its call, or None if it is refused) and answers."""

    call_of: Callable[[Request], str | None]
    done: Reply
    ended: Reply
    refused: Reply
    look_up: Callable[[Request], Reply | None] = lambda _: None
    """Answers a request that changes nothing."""


def _matched(request: Request, pattern: str) -> str | None:
    found = re.fullmatch(pattern, request.path)
    return unquote(found[1]) if found and request.method == "POST" else None


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind == "Bearer" else ""


def _twilio(request: Request) -> str | None:
    login = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
    if request.headers.get("authorization") != f"Basic {login}":
        return None
    if request.headers["content-type"] != "application/x-www-form-urlencoded":
        return None
    if parse_qs(request.body.decode()) != {"Status": ["completed"]}:
        return None
    return _matched(request, rf"/2010-04-01/Accounts/{ACCOUNT}/Calls/([^/]+)\.json")


def _telnyx(request: Request) -> str | None:
    if _bearer(request) != KEY or not request.json.get("command_id"):
        return None
    return _matched(request, r"/v2/calls/([^/]+)/actions/hangup")


def _vapi(request: Request) -> str | None:
    call = _matched(request, r"/([^/]+)/control")
    if "authorization" in request.headers:
        return None
    if request.json == {"type": "say", "content": SENTENCE, "endCallAfterSpoken": False}:
        return f"{call}#warn"
    return call if request.json == {"type": "end-call"} else None


def _retell(request: Request) -> str | None:
    return _matched(request, r"/v2/stop-call/([^/]+)") if _bearer(request) == KEY else None


def _livekit(request: Request) -> str | None:
    try:
        claims = jwt.decode(
            _bearer(request), LIVEKIT_SECRET, ["HS256"], issuer=KEY, options={"require": ["exp"]}
        )
    except jwt.PyJWTError:
        return None
    body, video = request.json, claims["video"]
    room = str(body["room"])
    if request.path == "/twirp/livekit.RoomService/DeleteRoom":
        return room if video == {"roomCreate": True} and body == {"room": room} else None
    if request.path == "/twirp/livekit.RoomService/SendData":
        is_admin = video == {"roomAdmin": True, "room": room}
        event = json.loads(base64.b64decode(body["data"]))
        kind = body["topic"].removeprefix("cost-analytics.")
        is_complete = (
            body["kind"] == "RELIABLE"
            and body["destinationIdentities"] == [AGENT]
            and event["type"] == f"call.{kind}"
            and len(base64.b64decode(body["nonce"])) == 16
        )
        return f"{room}#{kind}" if is_admin and is_complete else None
    return None


def _participants(request: Request) -> Reply | None:
    """Return who is in a room: a caller, and an agent unless the room's name says else."""
    if request.path != "/twirp/livekit.RoomService/ListParticipants":
        return None
    room = request.json["room"]
    claims = jwt.decode(_bearer(request), LIVEKIT_SECRET, ["HS256"], issuer=KEY)
    if claims["video"] != {"roomAdmin": True, "room": room}:
        return Reply(401, {"code": "unauthenticated", "msg": "permissions denied"})
    caller = {"sid": "PA_1", "identity": "caller", "kind": "SIP", "state": "ACTIVE"}
    agent = {"sid": "PA_2", "identity": AGENT, "kind": "AGENT", "state": "ACTIVE"}
    is_alone = room.endswith("without an agent")
    return Reply(200, {"participants": [caller] if is_alone else [caller, agent]})


def _webhook(request: Request) -> str | None:
    headers = request.headers
    signed = signature_headers(
        WEBHOOK_SECRET, headers["webhook-id"], int(headers["webhook-timestamp"]), request.body
    )
    is_signed = signed["webhook-signature"] == headers["webhook-signature"]
    event = request.json
    if not is_signed or request.path != "/commands":
        return None
    kind = event["type"].removeprefix("call.")
    return str(event["subject"]) + ("" if kind == "cutoff.requested" else f"#{kind}")


VENDORS = {
    "twilio": Vendor(
        _twilio,
        Reply(200, {"sid": "CA", "status": "completed"}),
        Reply(404, {"code": 20404, "message": "The requested resource was not found"}),
        Reply(401, {"code": 20003, "message": "Authenticate"}),
    ),
    "telnyx": Vendor(
        _telnyx,
        Reply(200, {"data": {"result": "ok"}}),
        Reply(422, {"errors": [{"code": "90018", "title": "Call has already ended"}]}),
        Reply(401, {"errors": [{"code": "10009", "title": "Authentication failed"}]}),
    ),
    "vapi": Vendor(
        _vapi, Reply(200, {}), Reply(404, {"message": "Not found"}), Reply(400, {"message": "no"})
    ),
    "retell": Vendor(
        _retell,
        Reply(204),
        Reply(404, {"status": "error", "message": "Call not found"}),
        Reply(401, {"status": "error", "message": "Invalid API key"}),
    ),
    "livekit": Vendor(
        _livekit,
        Reply(200, {}),
        Reply(404, {"code": "not_found", "msg": "requested room does not exist"}),
        Reply(401, {"code": "unauthenticated", "msg": "invalid token"}),
        _participants,
    ),
    "webhook": Vendor(_webhook, Reply(200), Reply(410), Reply(400)),
}
