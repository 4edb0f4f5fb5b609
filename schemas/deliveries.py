"""A record of the delivery journal, the topic `cost.deliveries.v1`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from schemas.jsonio import wire_name
from schemas.notices import NoticeKind


class DeliveryRecord(Struct, frozen=True, rename=wire_name):
    """A notification that a receiver accepted. Times are UTC.

    `subject_id` is the id of the alert, anomaly or message; verifications and tests have their own.
    """

    delivery_id: str
    channel_id: str
    user_id: str
    kind: NoticeKind
    subject_id: str
    created_at: datetime
    delivered_at: datetime

    @property
    def key(self) -> str:
        """Channel, kind and subject, which stay the same after a restore."""
        return f"{self.channel_id}/{self.kind}/{self.subject_id}"

    def row(self) -> tuple[UUID, UUID, str, str, UUID, datetime, datetime]:
        """Return the values for PostgreSQL; raises ValueError for an id that is not a UUID."""
        ids = UUID(self.delivery_id), UUID(self.channel_id), UUID(self.subject_id)
        return ids[0], ids[1], self.user_id, self.kind, ids[2], self.created_at, self.delivered_at
