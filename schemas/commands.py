"""Commands to the vendors of calls: bodies of the API, and the journal of executed ones."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, get_args
from uuid import UUID

from msgspec import Meta, Struct

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

STATES: Final[tuple[CommandState, ...]] = get_args(CommandState)
REASON_CHARACTERS_MAX: Final = 500


class CallCommand(Struct, kw_only=True, rename=wire_name):
    """A command about a call. Times are UTC.

    `requested_by` is the person who ends the call; null if no person does.
    """

    command_id: str
    call_id: str
    kind: CommandKind
    cause: CommandCause
    state: CommandState
    reason: str
    requested_by: str | None
    requested_at: datetime
    ended_at: datetime | None


class CallCommands(Struct, kw_only=True, rename=wire_name):
    """The commands of a call, the newest first."""

    commands: list[CallCommand]


class EndRequest(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """The reason to end a call, up to 500 characters; may be left out."""

    reason: Annotated[str, Meta(max_length=REASON_CHARACTERS_MAX)] = ""


class CommandAttempt(Struct, kw_only=True, rename=wire_name):
    """An attempt to execute a command; `outcome` is null while it is under way.

    `status` is that of the response, null without one.
    """

    number: int
    at: datetime
    target: str | None
    outcome: CommandOutcome | None
    status: str | None
    error: str | None
    duration_ms: int | None


class ListedCommand(CallCommand, kw_only=True, rename=wire_name):
    """A command with its attempts, for administrators.

    `target` is the receiver of the last attempt: a vendor or `webhook`. `outcome` says why the
    command was not executed, null if it was.
    """

    user_id: str
    target: str | None
    outcome: str | None
    attempts: list[CommandAttempt]


class CommandPage(Struct, kw_only=True, rename=wire_name):
    """A page of commands, the newest first."""

    commands: list[ListedCommand]
    next_cursor: str | None


class CommandModeChange(Struct, kw_only=True, rename=wire_name):
    """A mode of all processes that execute commands, and who put it in force.

    `execute`: commands are executed. `dry_run`: they are only recorded. `stopped`: they wait, until
    they expire.
    """

    mode: CommandMode
    reason: str
    changed_by: str
    changed_at: datetime


class CommandModes(Struct, kw_only=True, rename=wire_name):
    """The mode in force, and the newest changes, including the one to this mode."""

    mode: CommandMode
    changes: list[CommandModeChange]


class WantedMode(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A mode to put in force, and the reason: 1 to 500 characters, not only spaces."""

    mode: CommandMode
    reason: Annotated[str, Meta(min_length=1, max_length=REASON_CHARACTERS_MAX)]


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
        """The command's id; raises ValueError for an id that is not a UUID."""
        return UUID(self.command_id)
