"""What vendors send about one call, with their signatures: for `vendor_webhooks.py`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SHARED = "known to the vendor and to us"
SECONDS = 75
# The prices with which the product starts, in US dollars.
CHARACTER, SECOND_OF_AUDIO = Decimal("0.00015"), Decimal("0.0043") / 60
CALL, USER = uuid4().hex, "demo"
Headers = dict[str, str]


@dataclass(frozen=True)
class Sent:
    """A body as the vendor sends it, with its signature; `query` is added to the address."""

    body: bytes
    sign: Callable[[str, bytes], Headers]
    query: str = ""


@dataclass(frozen=True)
class Example:
    """The webhooks of a vendor about a call, and the costs of the call.

    `by_bot` are the events of the call that the vendor does not report.
    """

    sent: list[Sent]
    call_id: str
    costs: Decimal
    secret: str = SHARED
    by_bot: list[dict[str, Any]] | None = None


def iso(seconds_ago: int) -> str:
    """Return a time as most vendors write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds_ago))


def packed(body: Any) -> bytes:
    """Return JSON."""
    return json.dumps(body).encode()


def hex_hmac(signed: bytes) -> str:
    """Return the signature of most vendors."""
    return hmac.new(SHARED.encode(), signed, hashlib.sha256).hexdigest()


def timed(form: str, *, before: bool, per_second: int = 1) -> Callable[[str, bytes], Headers]:
    """Return a signer of the time and the body; `form` is its header with both."""

    def sign(_: str, body: bytes) -> Headers:
        at = str(int(time.time() * per_second))
        digest = hex_hmac(f"{at}.".encode() + body if before else body + at.encode())
        pairs = [line.split(": ") for line in form.format(at=at, digest=digest).split("\n")]
        return dict(pairs)

    return sign


VAPI = timed("x-timestamp: {at}\nx-signature: {digest}", before=True)
RETELL = timed("X-Retell-Signature: v={at},d={digest}", before=False, per_second=1000)
ELEVENLABS = timed("ElevenLabs-Signature: t={at},v0={digest}", before=True)


def vapi() -> Example:
    """The report at the end of a call: one leg is on own keys, and costs nothing at Vapi."""
    costs = [
        {"type": "transport", "provider": "twilio", "minutes": 1.25, "cost": 0.0175},
        {"type": "vapi", "subType": "normal", "minutes": 1.25, "cost": 0.0625},
        {
            "type": "voice",
            "voice": {"provider": "11labs", "model": "eleven_turbo_v2_5"},
            "characters": 600,
            "cost": 0,
        },
    ]
    call = {"id": CALL, "type": "outboundPhoneCall", "metadata": {"userId": USER}}
    message = {
        "type": "end-of-call-report",
        "endedReason": "customer-ended-call",
        "startedAt": iso(SECONDS + 5),
        "endedAt": iso(5),
        "call": call,
        "costs": costs,
    }

    total = Decimal("0.0175") + Decimal("0.0625") + 600 * CHARACTER
    return Example([Sent(packed({"message": message}), VAPI)], CALL, total)


def retell() -> Example:
    """Start, end with an estimate, and analysis with the cost of each product, in cents."""
    ended_ms = int(time.time() - 5) * 1000
    products = [
        {"product": "elevenlabs_tts", "cost": 8.75},
        {"product": "gpt_4o", "cost": 6.25},
        {"product": "us_telephony", "cost": 1.875},
    ]
    call: dict[str, Any] = {
        "call_id": f"call_{CALL}",
        "agent_id": "brad_001",
        "direction": "inbound",
        "metadata": {"userId": USER},
        "start_timestamp": ended_ms - SECONDS * 1000,
    }
    cost = {"combined_cost": 16.875, "product_costs": products, "total_duration_seconds": SECONDS}
    end = {"end_timestamp": ended_ms, "duration_ms": SECONDS * 1000, "call_cost": cost}

    bodies = [
        {"event": "call_started", "call": call},
        {"event": "call_ended", "call": call | end},
        {"event": "call_analyzed", "call": call | end},
    ]
    sent = [Sent(packed(body), RETELL) for body in bodies]
    return Example(sent, f"call_{CALL}", Decimal("0.16875"))


def twilio() -> Example:
    """The end of a call, an estimate, and later the fetched Call resource with the price."""
    sid = f"CA{CALL}"
    stamp = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(time.time() - 5))
    fields = {
        "CallSid": sid,
        "CallStatus": "completed",
        "CallDuration": str(SECONDS),
        "Direction": "outbound-api",
        "To": "+14155552671",
        "Timestamp": stamp,
    }
    resource = packed(
        {
            "sid": sid,
            "status": "completed",
            "duration": str(SECONDS),
            "direction": "outbound-api",
            "to": "+14155552671",
            "end_time": stamp,
            "price": "-0.02600",
            "price_unit": "USD",
        }
    )
    digest = hashlib.sha256(resource).hexdigest()

    def signed(text: str) -> Headers:
        mac = hmac.new(SHARED.encode(), text.encode(), hashlib.sha1).digest()
        return {"X-Twilio-Signature": base64.b64encode(mac).decode()}

    def sign_form(url: str, _: bytes) -> Headers:
        form = "".join(name + fields[name] for name in sorted(fields))
        return {**signed(url + form), "Content-Type": "application/x-www-form-urlencoded"}

    sent = [
        Sent(urlencode(fields).encode(), sign_form, f"?userId={USER}"),
        Sent(resource, lambda url, _: signed(url), f"?userId={USER}&bodySHA256={digest}"),
    ]
    return Example(sent, sid, Decimal("0.026"))


def telnyx() -> Example:
    """The start, the end and the cost of a leg."""
    key = Ed25519PrivateKey.generate()
    state = base64.b64encode(packed({"userId": USER})).decode()
    leg = {"call_leg_id": f"leg-{CALL}", "call_session_id": CALL, "client_state": state}
    parts = [
        {"call_part": "call-control", "cost": "0.0040", "currency": "USD"},
        {"call_part": "sip-trunking", "cost": "0.0021", "currency": "USD"},
    ]
    payloads: dict[str, dict[str, Any]] = {
        "call.initiated": {"direction": "outgoing", "start_time": iso(SECONDS + 5)},
        "call.hangup": {"start_time": iso(SECONDS + 5), "end_time": iso(5)},
        "call.cost": {"status": "success", "total_cost": "0.0061", "cost_parts": parts},
    }

    def sign(_: str, body: bytes) -> Headers:
        stamp = str(int(time.time()))
        signature = key.sign(f"{stamp}|".encode() + body)
        return {
            "telnyx-timestamp": stamp,
            "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
        }

    bodies = [
        {"data": {"event_type": kind, "occurred_at": iso(1), "payload": {**leg, **payload}}}
        for kind, payload in payloads.items()
    ]
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    sent = [Sent(packed(body), sign) for body in bodies]
    return Example(sent, CALL, Decimal("0.0061"), public)


def elevenlabs() -> Example:
    """The webhook after a conversation, with its cost in US dollars."""
    data = {
        "conversation_id": f"conv_{CALL}",
        "agent_id": "brad_001",
        "status": "done",
        "metadata": {
            "start_time_unix_secs": int(time.time()) - SECONDS - 5,
            "call_duration_secs": SECONDS,
            "cost_fiat": 0.1032,
            "charging": {"llm_price": 0.0007},
        },
        "conversation_initiation_client_data": {"dynamic_variables": {"userId": USER}},
    }
    body = packed({"type": "post_call_transcription", "data": data})

    return Example([Sent(body, ELEVENLABS)], f"conv_{CALL}", Decimal("0.1032"))


def deepgram() -> Example:
    """The callback of a transcription: Deepgram sends no cost, the catalogue has the price."""
    metadata = {
        "request_id": str(uuid4()),
        "created": iso(5),
        "duration": SECONDS,
        "channels": 1,
        "models": ["m"],
        "model_info": {"m": {"arch": "nova-2"}},
    }
    credentials = base64.b64encode(f"costs:{SHARED}".encode()).decode()
    sent = Sent(
        packed({"metadata": metadata, "results": {}}),
        lambda *_: {"Authorization": f"Basic {credentials}"},
        f"?userId={USER}&callId={CALL}",
    )
    return Example([sent], CALL, SECONDS * SECOND_OF_AUDIO, by_bot=_bot_events())


def _bot_events() -> list[dict[str, Any]]:
    """Return the start and the end of the call, which the bot reports: Deepgram knows neither."""
    facts: dict[str, dict[str, Any]] = {
        "call.started": {"userId": USER, "personaId": "brad_001"},
        "call.ended": {"status": "completed", "duration_seconds": SECONDS},
    }
    return [
        {
            "specversion": "1.0",
            "id": f"{CALL}/{kind}",
            "source": "/examples/deepgram",
            "type": kind,
            "time": iso(5),
            "data": {"callId": CALL, **data},
        }
        for kind, data in facts.items()
    ]


VENDORS: dict[str, Callable[[], Example]] = {
    "vapi": vapi,
    "retell": retell,
    "twilio": twilio,
    "telnyx": telnyx,
    "elevenlabs": elevenlabs,
    "deepgram": deepgram,
}
