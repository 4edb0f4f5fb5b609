"""The Kafka topics as channels: who sends, the key of a record and the messages.

The types are those that decode and encode the records. The messages of the WebSocket are declared
by its route.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from api.asyncapi import command_examples, examples
from schemas.alerts import ALERT_TYPE, CUTOFF_TYPE
from schemas.anomalies import ANOMALY_TYPE
from schemas.call_steps import DOWNGRADE_TYPE, WARN_TYPE
from schemas.commands import ExecutedCommand
from schemas.deliveries import DeliveryRecord
from schemas.envelopes import Envelope
from schemas.events import DATA_TYPES
from schemas.people import ErasedUserRecord, RewrittenFileRecord
from schemas.published import (
    BudgetAlertEvent,
    CallCutoffEvent,
    CallDowngradeEvent,
    CallWarnEvent,
    CostAnomalyEvent,
)
from schemas.topics import (
    ANOMALIES,
    BUDGET_ALERTS,
    CALL_COMMANDS,
    CALL_EVENTS,
    CALL_TOTALS,
    DEAD_LETTERS,
    DELIVERIES,
    ERASURES,
    ERROR_CODE,
    ERROR_MESSAGE,
    EXECUTED_COMMANDS,
    ORIGINAL_OFFSET,
    ORIGINAL_OMITTED,
    ORIGINAL_PARTITION,
    ORIGINAL_TOPIC,
    Topic,
)
from schemas.totals import CallTotal

CLOUDEVENT: Final = "application/cloudevents+json"
JSON: Final = "application/json"
BYTES: Final = "application/octet-stream"
_DLQ_HEADERS: Final[Mapping[str, str]] = {
    ORIGINAL_TOPIC: "The topic of the refused record.",
    ORIGINAL_PARTITION: "Its partition.",
    ORIGINAL_OFFSET: "Its offset.",
    ERROR_CODE: "The code of the refusal.",
    ERROR_MESSAGE: "The reason, as a sentence.",
}
_OPTIONAL_DLQ_HEADERS: Final[Mapping[str, str]] = {
    ORIGINAL_OMITTED: "Why the value and the original headers are missing.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicMessage:
    """A message; `payload` is its type, None for a record without a value.

    `attributes` is the event type of binary mode, whose attributes are headers. `headers` are
    descriptions of other headers, by name. With `is_raw` the payload is any bytes.
    """

    name: str
    title: str
    payload: Any = None
    is_raw: bool = False
    attributes: str | None = None
    headers: Mapping[str, str] | None = None
    optional_headers: Mapping[str, str] | None = None
    content_type: str = JSON
    examples: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicChannel:
    """A topic: what the product does with it, and the messages in it."""

    name: str
    topic: Topic
    action: Literal["receive", "send"]
    title: str
    description: str
    key: str
    messages: tuple[TopicMessage, ...]


def _camel_case(event_type: str) -> str:
    head, *rest = event_type.replace("_", ".").split(".")
    return head + "".join(part.capitalize() for part in rest)


def _structured(envelope: Any) -> TopicMessage:
    event_type = envelope.kind
    return TopicMessage(
        name=_camel_case(event_type),
        title=f"{event_type}, structured mode",
        payload=envelope,
        content_type=CLOUDEVENT,
        examples=(examples.structured(event_type),),
    )


def _binary(event_type: str) -> TopicMessage:
    return TopicMessage(
        name=f"{_camel_case(event_type)}Binary",
        title=f"{event_type}, binary mode",
        payload=DATA_TYPES[event_type],
        attributes=event_type,
        examples=(examples.DATA[event_type],),
    )


CHANNELS: Final = (
    TopicChannel(
        name="callEvents",
        topic=CALL_EVENTS,
        action="receive",
        title="Receive events of calls",
        description="Everything that happens to the cost of a call, as CloudEvents 1.0 in "
        "structured or binary mode. An event counts once by its `source` and `id`, in any order.",
        key="The user's id, or the call's id if the emitter does not know the user. Totals do not "
        "depend on it.",
        messages=(
            *map(_structured, get_args(Envelope)),
            *map(_binary, DATA_TYPES),
        ),
    ),
    TopicChannel(
        name="deadLetters",
        topic=DEAD_LETTERS,
        action="send",
        title="Send refused records",
        description="Each refused record with its original key, value and headers, and with the "
        "reason in headers.",
        key="As received.",
        messages=(
            TopicMessage(
                name="deadLetter",
                title="A refused record",
                is_raw=True,
                headers=_DLQ_HEADERS,
                optional_headers=_OPTIONAL_DLQ_HEADERS,
                content_type=BYTES,
            ),
        ),
    ),
    TopicChannel(
        name="callTotals",
        topic=CALL_TOTALS,
        action="send",
        title="Send totals of calls",
        description="The newest totals of a call after commits that changed it, at least once. Use "
        "the state with the highest `version`.",
        key="The call's id.",
        messages=(
            TopicMessage(
                name="callTotal",
                title="Totals of a call",
                payload=CallTotal,
                examples=(examples.CALL_TOTAL,),
            ),
            TopicMessage(
                name="callTotalRemoved",
                title="A tombstone: the call ended long ago and is removed from the topic",
            ),
        ),
    ),
    TopicChannel(
        name="budgetAlerts",
        topic=BUDGET_ALERTS,
        action="send",
        title="Send budget alerts",
        description="Alerts about budgets, at least once each; the `id` never changes.",
        key="The user's id.",
        messages=(
            TopicMessage(
                name=_camel_case(ALERT_TYPE),
                title="A budget alert",
                payload=BudgetAlertEvent,
                content_type=CLOUDEVENT,
                examples=(examples.BUDGET_ALERT,),
            ),
        ),
    ),
    TopicChannel(
        name="callCommands",
        topic=CALL_COMMANDS,
        action="send",
        title="Send commands for calls",
        description="Requests to the voice pipeline, at least once each; the `id` never changes.",
        key="The call's id.",
        messages=(
            TopicMessage(
                name=_camel_case(CUTOFF_TYPE),
                title="A request to end a call",
                payload=CallCutoffEvent,
                content_type=CLOUDEVENT,
                examples=(command_examples.CALL_CUTOFF,),
            ),
            TopicMessage(
                name=_camel_case(WARN_TYPE),
                title="A request to say a closing sentence",
                payload=CallWarnEvent,
                content_type=CLOUDEVENT,
                examples=(command_examples.CALL_WARN,),
            ),
            TopicMessage(
                name=_camel_case(DOWNGRADE_TYPE),
                title="A request to use a cheaper model",
                payload=CallDowngradeEvent,
                content_type=CLOUDEVENT,
                examples=(command_examples.CALL_DOWNGRADE,),
            ),
        ),
    ),
    TopicChannel(
        name="anomalies",
        topic=ANOMALIES,
        action="send",
        title="Send anomalies",
        description="Unusual costs, at least once each; the `id` never changes.",
        key="The user's id.",
        messages=(
            TopicMessage(
                name=_camel_case(ANOMALY_TYPE),
                title="An anomaly",
                payload=CostAnomalyEvent,
                content_type=CLOUDEVENT,
                examples=(examples.COST_ANOMALY,),
            ),
        ),
    ),
    TopicChannel(
        name="deliveries",
        topic=DELIVERIES,
        action="send",
        title="Send the journal of deliveries",
        description="Internal: each notification that a receiver accepted. Do not consume it.",
        key="Channel, kind and subject, separated by slashes.",
        messages=(
            TopicMessage(
                name="delivery",
                title="A delivered notification",
                payload=DeliveryRecord,
                examples=(examples.DELIVERY,),
            ),
        ),
    ),
    TopicChannel(
        name="executedCommands",
        topic=EXECUTED_COMMANDS,
        action="send",
        title="Send the journal of executed commands",
        description="Internal: each command that the vendor of a call accepted. Do not consume it.",
        key="The call's id.",
        messages=(
            TopicMessage(
                name="executedCommand",
                title="An executed command",
                payload=ExecutedCommand,
                examples=(command_examples.EXECUTED_COMMAND,),
            ),
        ),
    ),
    TopicChannel(
        name="erasures",
        topic=ERASURES,
        action="send",
        title="Send the journal of erasures",
        description="Internal: each erasure of a user, for use after a restore. Do not consume it.",
        key="The digest of the user, or the name of the replaced file.",
        messages=(
            TopicMessage(
                name="erasedUser",
                title="An erased user",
                payload=ErasedUserRecord,
                examples=(examples.ERASED_USER,),
            ),
            TopicMessage(
                name="rewrittenFile",
                title="A rewritten archive file",
                payload=RewrittenFileRecord,
                examples=(examples.REWRITTEN_FILE,),
            ),
        ),
    ),
)
"""All topics."""
