"""The texts of notifications: sentences for people, JSON for programs, equal in every attempt."""

from __future__ import annotations

from decimal import Decimal
from html import escape
from typing import Final

import msgspec

from ledger.notifications.deliveries import ClaimedDelivery
from ledger.notifications.retry_policy import one_line
from schemas.alerts import ALERT_TYPE, SpendBasis
from schemas.jsonio import encode
from schemas.money import nano_from_usd
from schemas.notices import TEST_TYPE, VERIFICATION_TYPE, ChannelMessage, WebhookEvent
from schemas.sentences import dollars, percentage, service_name
from streams.notifications.sender import Notification

PRODUCT: Final = "Cost Analytics"

_FULL_PERCENT: Final = 100


class _Driver(msgspec.Struct):
    service: str
    cost: Decimal


class _Alert(msgspec.Struct):
    """The fields of an alert that appear in a message to a person."""

    type: str
    threshold_percent: Decimal
    message: str
    limit_usd: Decimal
    current_spend: Decimal
    remaining: Decimal
    basis: SpendBasis
    drivers: list[_Driver]
    call_id: str | None = msgspec.field(name="callId", default=None)


_decoder: Final = msgspec.json.Decoder(_Alert)


class TemplateError(Exception):
    """A delivery lacks what its message needs."""


def notification_of(claim: ClaimedDelivery) -> Notification:
    """Return the message of a delivery; raises TemplateError."""
    if claim.kind == "alert":
        return _alert(claim)
    if claim.kind == "test":
        sentence = f"This is a test. You'll get alerts from {PRODUCT} here."
        return _channel_message(claim, "Test message", sentence, TEST_TYPE)
    return _verification(claim)


def _alert(claim: ClaimedDelivery) -> Notification:
    try:
        alert = _decoder.decode(claim.alert or "")
    except msgspec.DecodeError as error:
        raise TemplateError(f"the alert cannot be read: {error}") from None
    lines = [alert.message, _position(alert)]
    if alert.drivers:
        lines.append(_largest_costs(alert))
    if alert.type == "call" and alert.call_id is not None:
        lines.append(f"Call: {alert.call_id}")
    event = WebhookEvent(
        type=ALERT_TYPE,
        timestamp=claim.created_at,
        data=msgspec.Raw((claim.alert or "").encode()),
    )
    return _notification(claim, _subject(alert), lines, event)


def _subject(alert: _Alert) -> str:
    is_call, is_full = alert.type == "call", alert.threshold_percent == _FULL_PERCENT
    used = percentage(alert.threshold_percent)
    if is_call:
        return "A call reached its limit" if is_full else f"A call has used {used} of its limit"
    if is_full:
        return f"You've reached your {alert.type} budget"
    return f"You've used {used} of your {alert.type} budget"


def _position(alert: _Alert) -> str:
    """Return how much of the limit is used, labelled by the budget's definition of spend."""
    spend, limit, remaining = map(_dollars, (alert.current_spend, alert.limit_usd, alert.remaining))
    name = "Charged" if alert.basis == "charged" else "Cost"
    return f"{name}: {spend} of {limit}, {remaining} left."


def _largest_costs(alert: _Alert) -> str:
    """Return the largest costs; a budget of charges does not include them."""
    costs = ", ".join(f"{service_name(one.service)} {_dollars(one.cost)}" for one in alert.drivers)
    if alert.basis == "charged":
        return f"Cost (what vendors take; not part of this budget): {costs}."
    return f"Largest costs: {costs}."


def _dollars(amount: Decimal) -> str:
    return dollars(nano_from_usd(amount))


def _verification(claim: ClaimedDelivery) -> Notification:
    if claim.code is None:
        raise TemplateError("the code is no longer stored")
    if claim.type == "webhook":
        sentence = "Post `challenge` as `code` to the channel's verify route within 15 minutes."
        return _channel_message(claim, "Your code", sentence, VERIFICATION_TYPE)
    sentence = (
        f"Your {PRODUCT} code is {claim.code}. It expires in 15 minutes. "
        "Didn't request it? Ignore this message."
    )
    return _channel_message(claim, f"Your code is {claim.code}", sentence, VERIFICATION_TYPE)


def _channel_message(
    claim: ClaimedDelivery, subject: str, sentence: str, kind: str
) -> Notification:
    data = ChannelMessage(channel_id=claim.channel_id, message=sentence, challenge=claim.code)
    event = WebhookEvent(type=kind, timestamp=claim.created_at, data=msgspec.Raw(encode(data)))
    return _notification(claim, subject, [sentence], event)


def _notification(
    claim: ClaimedDelivery, subject: str, lines: list[str], event: WebhookEvent
) -> Notification:
    # They contain ids and names from emitters, which must not add lines.
    lines = [one_line(line) for line in lines]
    paragraphs = "".join(f"<p>{escape(line)}</p>\n" for line in lines)
    return Notification(
        message_id=claim.delivery_id,
        address=claim.address,
        secret=claim.secret,
        unsubscribe_token=claim.unsubscribe_token,
        created_at=claim.created_at,
        subject=f"{PRODUCT}: {subject}",
        text="\n\n".join(lines) + "\n",
        html=f'<!doctype html>\n<html lang="en">\n<body>\n{paragraphs}</body>\n</html>\n',
        body=encode(event),
    )
