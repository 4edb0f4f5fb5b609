"""The console command `cost-analytics`: finds the subcommand, runs it and reports errors.

Only the module of the given subcommand is imported, and it imports most modules when it runs, so
that `--help` and `token` respond quickly.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from typing import Final, Protocol, TextIO, cast

from cost_analytics.failures import (
    FAILED,
    INTERRUPTED,
    MISUSED,
    CommandError,
    OutputClosedError,
)
from cost_analytics.parsing import CommandParser
from cost_analytics.settings import SettingsError

COMMANDS: Final = {
    "dev": "run the whole product on this machine: broker, database, worker, API, demo calls",
    "demo": "run the product and one example that reports a call as a voice stack does",
    "worker": "count events from Kafka into exact totals in PostgreSQL",
    "notices": "send notifications by email, SMS, chat and signed webhooks",
    "commands": "end calls through their vendors: over their limit, stuck, or by hand",
    "api": "serve the REST API and the live feed",
    "roles": "create a PostgreSQL login with its own rights for each process",
    "migrate": "migrate the database to the newest schema",
    "token": "print a bearer token for a user",
    "publish": "send events from a file or from standard input to Kafka",
    "follow": "send the events of log files over HTTP, as their lines are written",
    "map": "try a mapping: show what would be sent of each line of a file",
    "simulate": "send realistic calls to Kafka, or write them to a file",
    "top": "watch active calls, rates, lag and alerts, like htop",
    "doctor": "check the settings, connections, clocks and topics, and say what to do",
    "verify": "recompute every total from the recorded events and count the differences",
    "rebuild": "rewrite every total from the recorded events",
    "archive": "move old months of events to Parquet files; totals stay exact",
    "export": "write costs as FOCUS files, CSV or Parquet, for FinOps tools",
    "backup": "write a consistent copy of the ledger to a file",
    "restore": "load a backup into an empty database",
    "epoch": "show the ledger's epochs, or raise it after a point-in-time recovery",
    "prices": "show the price catalogue, or add to it from a file",
    "charge-plans": "show what users are charged for calls, or add plans from a file",
    "credits": "show, grant or void prepaid credit of a user",
    "bills": "import vendors' bills, to compare them with recorded costs",
    "sources": "show or change which service may send events of a source over HTTP",
    "keys": "create, show, revoke or confirm the keys by which services call the API",
    "webhooks": "create, show or change the endpoints to which vendors send webhooks",
    "user": "export everything about a user, or erase a user",
    "held": "show calls whose user is unknown, or assign a call to a user",
    "gaps": "show records that Kafka lost before they were counted, or send them again",
    "dlq": "show the refused events, or send them again",
    "completion": "print the completion script of a shell",
}
DEVELOPMENT: Final = frozenset({"demo", "dev", "simulate"})
"""The commands of `devkit`, which is not part of the production image."""
_CLOSING: Final = """\
Settings come from environment variables, and while `dev` runs, also from .local/dev.env of the
current directory; docs/settings.md lists them. Run `cost-analytics COMMAND --help` for details.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (default: that of this process) and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    # Commands print their results; logs of libraries appear only if a service configures logging.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        arguments = _parser(words).parse_args(words)
        with redirect_stdout(cast("TextIO", _Output(sys.stdout))):
            code: int = command_module(arguments.command).run(arguments)
            sys.stdout.flush()
    except SettingsError as error:
        for message in error.errors:
            _print_error(message)
        return MISUSED
    except CommandError as error:
        _print_error(str(error))
        return error.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except (OutputClosedError, BrokenPipeError):
        _drop_output()
        return FAILED
    return code


def _parser(words: Sequence[str]) -> CommandParser:
    """Return a parser that knows the arguments of the given command only."""
    given = next((word for word in words if not word.startswith("-")), None)
    return parser_of(given)


def parser_of(*configured: str | None) -> CommandParser:
    """Return a parser of all commands that knows the arguments of those in `configured`."""
    parser = CommandParser(
        prog="cost-analytics",
        description="Exact, live cost analytics for phone calls.",
        epilog=_CLOSING,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary)
        if name in configured:
            module = command_module(name)
            subparser.description = module.DESCRIPTION
            module.configure(subparser)
    return parser


class Command(Protocol):
    """The interface of every module in `cost_analytics.commands`."""

    DESCRIPTION: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command and return its exit code; raises CommandError or SettingsError."""


def command_module(name: str) -> Command:
    """Return the module of a command; raises CommandError without the development tools."""
    if name not in DEVELOPMENT:
        return cast("Command", import_module(f"cost_analytics.commands.{name.replace('-', '_')}"))
    if find_spec("devkit") is None:
        raise CommandError(
            f"`{name}` needs the development tools: pip install 'cost-analytics[dev]'", MISUSED
        )
    return cast("Command", import_module(f"devkit.commands.{name}"))


def _print_error(message: str) -> None:
    print(f"cost-analytics: {message}", file=sys.stderr)


class _Output:
    """Standard output that distinguishes a closed pipe from a closed connection.

    BrokenPipeError is an OSError, which commands report as a failure of PostgreSQL or Kafka.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write; raises OutputClosedError."""
        with _output_errors():
            return self._stream.write(text)

    def flush(self) -> None:
        """Flush; raises OutputClosedError."""
        with _output_errors():
            self._stream.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@contextmanager
def _output_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise OutputClosedError from error


def _drop_output() -> None:
    """Prevent the interpreter from reporting the closed output at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
