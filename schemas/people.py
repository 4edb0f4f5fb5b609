"""The rights of people: receipts of erasures, and the records of the topic `cost.erasures.v1`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from schemas.jsonio import wire_name


class ErasureRequest(Struct, rename=wire_name, forbid_unknown_fields=True):
    """The body of a request to erase a user: `confirm` repeats the user's id."""

    confirm: Annotated[str, Meta(min_length=1, max_length=255)]


class TopicRetention(Struct, frozen=True, rename=wire_name):
    """Until when a topic can hold records of the user; None if the topic has no time limit."""

    topic: str
    until: datetime | None


class PendingArchive(Struct, frozen=True, rename=wire_name):
    """An archive file that still contains the user."""

    month: str
    part: int
    file: str


class ErasureReceipt(Struct, frozen=True, kw_only=True, rename=wire_name):
    """What an erasure did, without the user's identity.

    `rows` are changed or deleted rows by table. `identifiers` counts call ids, event ids and
    personas that contain the identity: emitters chose them, and they stay.
    """

    pseudonym: str
    erased_at: datetime
    dry_run: bool
    rows: dict[str, int]
    identifiers: dict[str, int]
    pending_archives: list[PendingArchive]
    topics: list[TopicRetention]


class ErasedUserRecord(Struct, frozen=True, rename=wire_name, tag_field="type", tag="user.erased"):
    """A user was erased; `digest` is the SHA-256 of `key` and the user's id. Both are in hex."""

    key: str
    digest: str
    pseudonym: str
    erased_at: datetime

    @property
    def record_key(self) -> bytes:
        return self.digest.encode()


class RewrittenFileRecord(
    Struct, frozen=True, rename=wire_name, tag_field="type", tag="archive.rewritten"
):
    """An archive file was replaced by one without erased users."""

    old_file: str
    new_file: str
    manifest: str
    pseudonyms: list[str]

    @property
    def record_key(self) -> bytes:
        return self.old_file.encode()


ErasureRecord = ErasedUserRecord | RewrittenFileRecord
