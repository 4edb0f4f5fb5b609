"""Why an event is refused: the codes on the dead-letter topic, and the exception with one."""

from __future__ import annotations

from typing import Literal, get_args

RefusalCode = Literal[
    "invalid_json",  # the bytes are not UTF-8 JSON
    "invalid_event",  # JSON, but not an event we know, or a value out of bounds
    "too_old",  # it happened too long ago to be counted, or voids a cost that did
    "unknown_price",  # no catalogue row in force and no price from the emitter
    "id_conflict",  # the same identity was recorded with other content
    "owner_mismatch",  # the event names another user than the call's owner
    "too_large",  # more bytes than one event may have
]

REFUSAL_CODES: tuple[str, ...] = get_args(RefusalCode)


class Refused(Exception):  # noqa: N818 - an outcome, not a fault
    """One event cannot be counted. `code` is for programs, `message` is a sentence for people."""

    def __init__(self, code: RefusalCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code: RefusalCode = code
        self.message = message
