"""Commands to the vendors of calls, and the journal of executed ones."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from schemas.jsonio import wire_name

CommandKind = Literal["cutoff", "warn", "downgrade"]
CommandCause = Literal["limit", "stuck", "hand"]
CommandMode = Literal["execute", "dry_run", "stopped"]
CommandState = Literal[
    "pending",
    "executing",
    "executed",
    "dry_run",
    "ended",
    "unsupported",
    "failed",
    "expired",
]
CommandOutcome = Literal[
    "executed", "dry_run", "ended", "unsupported", "temporary", "permanent", "interrupted"
]
"""How an attempt ended. `temporary` failures are repeated."""


class ExecutedCommand(Struct, frozen=True, kw_only=True, rename=wire_name):
    """A command that its receiver accepted, on the topic cost.executed-commands.v1."""

    command_id: str
    call_id: str
    user_id: str
    kind: CommandKind
    cause: CommandCause
    requested_by: str | None
    reason: str
    payload: str
    target: str
    requested_at: datetime
    executed_at: datetime

    @property
    def uuid(self) -> UUID:
        """The command's id; raises ValueError for an id that is no UUID."""
        return UUID(self.command_id)
