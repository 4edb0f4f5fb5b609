"""The interface of every row of `call_cost_events`."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from schemas.events import EventReference


class EventRow(Protocol):
    """A row that can be copied, inserted and read. Money is nano-dollars."""

    @property
    def type(self) -> str: ...

    @property
    def time(self) -> datetime: ...

    @property
    def call_id(self) -> str: ...

    @property
    def service(self) -> str | None: ...

    @property
    def cost_nano(self) -> int: ...

    @property
    def amount_nano(self) -> int: ...

    @property
    def owner(self) -> str:
        """The user that the row belongs to."""

    @property
    def is_unpriced(self) -> bool:
        """Whether the event has no price yet, so that its cost is 0 or an estimate."""

    def copy_cells(self) -> bytes:
        """Return the row as COPY reads it, up to the cell of its owner."""

    def columns(self) -> dict[str, object]:
        """Return the values of the row by column."""

    def reference(self) -> EventReference:
        """Return the event that the row was made from."""
