"""Reads the payloads of commands, which are CloudEvents."""

from __future__ import annotations

from typing import Final

import msgspec

from ledger.commands.execution import ClaimedCommand
from schemas.jsonio import wire_name


class _Data(msgspec.Struct, rename=wire_name):
    closing_sentence: str


class _Event(msgspec.Struct):
    data: _Data


_decoder: Final = msgspec.json.Decoder(_Event)


def closing_sentence(command: ClaimedCommand) -> str:
    """Return the sentence that a warning asks the agent of a call to say."""
    return _decoder.decode(command.payload).data.closing_sentence
