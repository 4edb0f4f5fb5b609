"""Wakes the worker when a command is published, so that calls end within milliseconds.

The worker also polls the database, so nothing is lost without these messages.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from messaging.kafka import KafkaSettings
from messaging.retries import Backoff
from messaging.topic_reader import LOG_ERRORS, open_topic_reader
from schemas.topics import CALL_COMMANDS

_log: Final = logging.getLogger(__name__)


async def wake_on_commands(
    kafka: KafkaSettings, wake: Callable[[], None], stop: asyncio.Event
) -> None:
    """Call `wake` after each poll that returned commands, until `stop`."""
    backoff = Backoff(first_ms=1_000)
    while not stop.is_set():
        try:
            async with open_topic_reader(
                kafka.client_options(), [CALL_COMMANDS.name], {}
            ) as reader:
                backoff.reset()
                while not stop.is_set():
                    if await reader.poll():
                        wake()
        except LOG_ERRORS as error:
            _log.warning(
                "commands are only polled: %s",
                str(error) or type(error).__name__,
                extra={"action": "commands_without_topic"},
            )
            await backoff.wait(stop)
