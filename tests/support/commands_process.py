"""The process that executes commands, to be killed without warning."""

from collections.abc import Mapping
from pathlib import Path

from tests.support.command_process import CommandProcess


class CommandsProcess(CommandProcess):
    """`cost-analytics commands`; its log is in `directory`."""

    def __init__(self, directory: Path, values: Mapping[str, str], name: str = "commands") -> None:
        super().__init__("commands", directory, values, name)
