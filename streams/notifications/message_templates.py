"""The texts of notifications: sentences for people, JSON for programs, equal in every attempt."""

from __future__ import annotations

from decimal import Decimal
from html import escape
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec

from ledger.notifications.deliveries import ClaimedDelivery
from ledger.notifications.notices import ADMINISTRATORS, NoticeContent
from ledger.notifications.retry_policy import one_line
from schemas.alerts import ALERT_TYPE, ScopeKind, SpendBasis
from schemas.anomalies import ANOMALY_TYPE, AnomalyKind
from schemas.jsonio import encode, wire_name
from schemas.money import nano_from_usd
from schemas.notices import TEST_TYPE, VERIFICATION_TYPE, ChannelMessage, WebhookEvent
from schemas.sentences import dollars, percentage, service_name
from streams.notifications.sender import Notification

PRODUCT: Final = "Cost Analytics"
BUDGET_PAGE: Final = "/budget"
ALL_USERS_PAGE: Final = "/everyone"
ANOMALIES_PAGE: Final = "/outlook"

_FULL_PERCENT: Final = 100


class _Driver(msgspec.Struct):
    service: str
    cost: Decimal


class _Scope(msgspec.Struct):
    kind: ScopeKind
    value: str | None


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
    user_id: str | None = msgspec.field(name="userId", default=None)
    scope: _Scope | None = None

    @property
    def is_global(self) -> bool:
        """Whether the alert is about all users, for administrators."""
        return self.user_id == ADMINISTRATORS


class _Anomaly(msgspec.Struct, rename=wire_name):
    """The fields of an anomaly that appear in a message to a person."""

    anomaly_id: str
    kind: AnomalyKind
    message: str
    call_id: str | None = None


_decode_alert: Final = msgspec.json.Decoder(_Alert).decode
_decode_anomaly: Final = msgspec.json.Decoder(_Anomaly).decode
_decode_notice: Final = msgspec.json.Decoder(NoticeContent).decode

_ANOMALY_TITLES: Final[dict[AnomalyKind, str]] = {
    "call_spike": "Unusually expensive call",
    "day_spike": "Unusually high costs",
    "missing_leg": "A call lacks a cost",
    "silent_call": "A call keeps costing without a turn",
    "abandoned_call": "A call never ended",
}


class TemplateError(Exception):
    """A delivery lacks what its message needs."""


class _Message(NamedTuple):
    """A message: a title and sentences for people, an event for programs.

    `page` is the path of the dashboard's page about it.
    """

    title: str
    lines: list[str]
    event: WebhookEvent
    page: str


def notification_of(claim: ClaimedDelivery, dashboard_url: str | None = None) -> Notification:
    """Return the message of a delivery; raises TemplateError.

    It has a link if the dashboard's address is known, without a slash at its end.
    """
    try:
        message = _message_of(claim)
    except msgspec.DecodeError as error:
        raise TemplateError(f"the {claim.kind} cannot be read: {error}") from None
    return _notification(claim, message, dashboard_url)


def _message_of(claim: ClaimedDelivery) -> _Message:
    if claim.kind == "alert":
        return _alert(claim)
    if claim.kind == "anomaly":
        return _anomaly(claim)
    if claim.kind == "test":
        sentence = f"This is a test. You'll get notifications from {PRODUCT} here."
        return _channel_message(claim, "Test message", sentence, TEST_TYPE)
    if claim.kind == "verification":
        return _verification(claim)
    return _notice(claim)


def _anomaly(claim: ClaimedDelivery) -> _Message:
    anomaly = _decode_anomaly(claim.content or "")
    title = _ANOMALY_TITLES[anomaly.kind]
    lines = [anomaly.message]
    if anomaly.call_id is not None:
        lines.append(f"Call: {anomaly.call_id}")
    page = f"{ANOMALIES_PAGE}?anomaly={quote(anomaly.anomaly_id, safe='')}"
    return _Message(title, lines, _event(claim, ANOMALY_TYPE), page)


def _notice(claim: ClaimedDelivery) -> _Message:
    content = _decode_notice(claim.content or "")
    event = WebhookEvent(type=content.event_type, timestamp=claim.created_at, data=content.data)
    return _Message(content.title, content.sentences, event, content.page)


def _event(claim: ClaimedDelivery, kind: str) -> WebhookEvent:
    data = msgspec.Raw((claim.content or "").encode())
    return WebhookEvent(type=kind, timestamp=claim.created_at, data=data)


def _alert(claim: ClaimedDelivery) -> _Message:
    alert = _decode_alert(claim.content or "")
    lines = [alert.message, _position(alert)]
    if alert.drivers:
        lines.append(_largest_costs(alert))
    page = ALL_USERS_PAGE if alert.is_global else BUDGET_PAGE
    if alert.type == "call" and alert.call_id is not None:
        lines.append(f"Call: {alert.call_id}")
        page = f"/calls/{quote(alert.call_id, safe='')}"
    return _Message(_title(alert), lines, _event(claim, ALERT_TYPE), page)


def _title(alert: _Alert) -> str:
    is_call, is_full = alert.type == "call", alert.threshold_percent == _FULL_PERCENT
    used = percentage(alert.threshold_percent)
    if is_call:
        return "A call reached its limit" if is_full else f"A call has used {used} of its limit"
    if alert.is_global:
        return _global_title(alert, used)
    if is_full:
        return f"You've reached your {alert.type} budget"
    return f"You've used {used} of your {alert.type} budget"


def _global_title(alert: _Alert, used: str) -> str:
    subject, their = "All users have", "their"
    if alert.scope is not None and alert.scope.kind == "service":
        subject, their = f"{service_name(alert.scope.value or '')} has", "its"
    if alert.threshold_percent == _FULL_PERCENT:
        return f"{subject} reached {their} {alert.type} budget"
    return f"{subject} used {used} of {their} {alert.type} budget"


def _position(alert: _Alert) -> str:
    """Return how much of the limit is used, with a label for the spend basis."""
    spend, limit, remaining = map(_dollars, (alert.current_spend, alert.limit_usd, alert.remaining))
    name = "Charged" if alert.basis == "charged" else "Cost"
    return f"{name}: {spend} of {limit}, {remaining} left."


def _largest_costs(alert: _Alert) -> str:
    """Return the largest costs, with a hint if the budget counts charges."""
    costs = ", ".join(f"{service_name(one.service)} {_dollars(one.cost)}" for one in alert.drivers)
    if alert.basis == "charged":
        return f"Cost (what vendors take; not part of this budget): {costs}."
    return f"Largest costs: {costs}."


def _dollars(amount: Decimal) -> str:
    return dollars(nano_from_usd(amount))


def _verification(claim: ClaimedDelivery) -> _Message:
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


def _channel_message(claim: ClaimedDelivery, title: str, sentence: str, kind: str) -> _Message:
    data = ChannelMessage(channel_id=claim.channel_id, message=sentence, challenge=claim.code)
    event = WebhookEvent(type=kind, timestamp=claim.created_at, data=msgspec.Raw(encode(data)))
    return _Message(title, [sentence], event, BUDGET_PAGE)


def _notification(
    claim: ClaimedDelivery, message: _Message, dashboard_url: str | None
) -> Notification:
    # Lines contain ids and names from emitters, which must not add lines.
    lines = [one_line(line) for line in message.lines]
    link = None if dashboard_url is None else f"{dashboard_url}{message.page}"
    paragraphs = "".join(f"<p>{escape(line)}</p>\n" for line in lines)
    if link is not None:
        paragraphs += f'<p><a href="{escape(link)}">Open in {PRODUCT}</a></p>\n'
    return Notification(
        message_id=claim.delivery_id,
        address=claim.address,
        secret=claim.secret,
        unsubscribe_token=claim.unsubscribe_token,
        created_at=claim.created_at,
        subject=f"{PRODUCT}: {one_line(message.title)}",
        text="\n\n".join(lines if link is None else [*lines, link]) + "\n",
        html=f'<!doctype html>\n<html lang="en">\n<body>\n{paragraphs}</body>\n</html>\n',
        body=encode(message.event),
        title=one_line(message.title),
        lines=tuple(lines),
        link=link,
    )
