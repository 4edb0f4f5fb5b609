"""Notices: messages for channels other than budget alerts and anomalies, once per cause.

The transaction that decides a notice stores it; the processes that deliver notifications create its
deliveries. The id is a digest of the cause. So if a restored ledger decides the same notice again,
the delivery journal shows that it was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from msgspec import Raw, Struct

from ledger.postgres.database import Connection, affected_rows
from ledger.postgres.statements import statements
from schemas.identity import derived_id
from schemas.jsonio import encode, wire_name
from schemas.notices import NoticeKind

_SQL: Final = statements("notifications/notices")

ADMINISTRATORS: Final = ""
"""The user of notices about all users, and of the channels that get them."""


class NoticeContent(Struct, frozen=True, rename=wire_name):
    """What a notice says: for people title and sentences, for webhooks type and data.

    `page` is the path of the dashboard's page about it.
    """

    title: str
    sentences: list[str]
    page: str
    event_type: str
    data: Raw


class Notice(NamedTuple):
    """A notice, which exists once per kind, user and `cause`.

    `data` is the webhook's data, `page` a path of the dashboard such as `/budget`. An urgent notice
    ignores quiet hours.
    """

    kind: NoticeKind
    user_id: str
    cause: tuple[str, ...]
    title: str
    sentences: Sequence[str]
    page: str
    event_type: str
    data: Any
    is_urgent: bool = False

    @property
    def notice_id(self) -> UUID:
        """The id derived from kind, user and cause."""
        return derived_id("notice", self.kind, self.user_id, *self.cause)


async def add_notices(connection: Connection, notices: Sequence[Notice]) -> int:
    """Insert notices in the caller's transaction; returns how many did not exist yet."""
    if not notices:
        return 0
    ordered = sorted(notices, key=lambda notice: notice.notice_id)
    statement = _SQL.bind(
        "add",
        notice_ids=[notice.notice_id for notice in ordered],
        user_ids=[notice.user_id for notice in ordered],
        kinds=[notice.kind for notice in ordered],
        is_urgent=[notice.is_urgent for notice in ordered],
        contents=[_content(notice) for notice in ordered],
    )
    return affected_rows(await connection.execute(*statement))


def _content(notice: Notice) -> str:
    content = NoticeContent(
        title=notice.title,
        sentences=list(notice.sentences),
        page=notice.page,
        event_type=notice.event_type,
        data=Raw(encode(notice.data)),
    )
    return encode(content).decode()
