"""One process that executes commands."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ledger.commands.execution import command_store
from messaging.kafka import KafkaSettings
from messaging.tracing import Tracer
from streams.commands.journal import command_journal
from streams.commands.routing import CommandRouter
from streams.commands.wake_ups import wake_on_commands
from streams.commands.worker import CommandOptions, CommandWorker
from streams.metrics.attempts import CommandMeter
from streams.tracing.attempts import AttemptTracing


@dataclass(frozen=True, slots=True)
class CommandServiceOptions:
    """Options of the process; without `kafka` the database is only polled."""

    database_url: str
    router: CommandRouter
    kafka: KafkaSettings | None = None
    commands: CommandOptions = field(default_factory=CommandOptions)


async def run_commands(
    options: CommandServiceOptions,
    stop: asyncio.Event,
    meter: CommandMeter | None = None,
    tracer: Tracer | None = None,
) -> None:
    """Run until `stop` is set, measured by `meter`, traced by `tracer`; then close the receivers.

    Raises OSError or a PostgreSQL error if the database is unavailable at the start.
    """
    meter = meter or CommandMeter()
    try:
        async with (
            command_store(options.database_url) as store,
            command_journal(options.kafka, store) as journal,
        ):
            tracing = None if tracer is None else AttemptTracing(tracer, store)
            worker = CommandWorker(store, options.router, options.commands, journal, meter, tracing)
            async with asyncio.TaskGroup() as parts:
                parts.create_task(worker.run(stop))
                parts.create_task(meter.loop.run(stop))
                if options.kafka is not None:
                    parts.create_task(wake_on_commands(options.kafka, worker.wake, stop))
    finally:
        await options.router.close()
