"""The reasons for refusing an event: the codes on the dead-letter topic, and the exception."""

from __future__ import annotations

from typing import Final, Literal, get_args

RefusalCode = Literal[
    "invalid_json",  # the bytes are not UTF-8 JSON
    "invalid_event",  # not a known event type, or a value out of bounds
    "too_old",  # the event, or the cost that it voids, is too old
    "id_conflict",  # another event with this identity was recorded
    "owner_mismatch",  # the event names another user than the call's owner
    "too_large",  # above the size limit of an event
]

REFUSAL_CODES: Final[tuple[str, ...]] = get_args(RefusalCode)

STORED_CODES: Final[tuple[str, ...]] = (*REFUSAL_CODES, "unknown_price")
"""The codes that stored dead letters may have: earlier releases refused events without a price."""


class Refused(Exception):  # noqa: N818 - an outcome, not a fault
    """An event that cannot be counted. `code` is for programs, `message` for people."""

    def __init__(self, code: RefusalCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code: RefusalCode = code
        self.message = message
