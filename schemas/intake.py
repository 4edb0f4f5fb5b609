"""What emitters without Kafka send over HTTP, and the reply once the events are in Kafka.

The names are those that existing emitters send. Unknown fields are ignored, as in events.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Raw, Struct

from schemas.bodies import Body
from schemas.events import EndStatus, EventReference, Tags, Text
from schemas.jsonio import wire_name
from schemas.numbers import Number
from schemas.usages import Usages

Moment = Annotated[datetime, Meta(tz=True)] | int
"""An ISO time with an offset, or milliseconds since 1970 as an integer."""


class Track(Struct, kw_only=True, rename=wire_name):
    """A vendor's usage during a call: the body of `POST /api/costs/track`.

    It has either `usage_amount` and `usage_unit`, or `usages`, the quantities of one request.
    """

    call_id: Text
    user_id: Text | None = None
    persona_id: Text | None = None
    service: Text
    operation: Text
    model: Text | None = None
    usage_amount: Number | None = None
    usage_unit: Text | None = None
    unit_cost: Number | None = None
    total_cost: Number | None = None
    estimated: bool = False
    metadata: Raw = Raw()
    tags: Tags | None = None
    timestamp: Moment | None = None
    usages: Usages | None = None
    leg_id: Text | None = None


class Finalize(Struct, kw_only=True, rename=wire_name):
    """The end of a call, and a charge if `amount` (US dollars) is given."""

    call_id: Text | None = None
    user_id: Text | None = None
    status: EndStatus = "completed"
    duration_seconds: Number
    amount: Number | None = None
    fee: Number | None = None
    processor: Text = "stripe"
    tags: Tags | None = None
    timestamp: Moment | None = None


class Accepted(Body):
    """The identities of the events, now stored in Kafka, in the order in which they were sent."""

    accepted: list[EventReference]
