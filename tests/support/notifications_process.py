"""The process that delivers notifications, to be killed without warning."""

from collections.abc import Mapping
from pathlib import Path

from tests.support.command_process import CommandProcess


class NoticesProcess(CommandProcess):
    """`cost-analytics notices`, which may send to this machine; its log is in `directory`."""

    def __init__(self, directory: Path, values: Mapping[str, str], name: str = "notices") -> None:
        super().__init__("notices", directory, {"WEBHOOK_ALLOW_PRIVATE": "true", **values}, name)
