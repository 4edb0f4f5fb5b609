"""The console command `cost-analytics`: finds the subcommand, runs it, and words what goes wrong.

Only the module of the subcommand that is asked for is imported, and that one imports what it needs
when it runs, so that `--help` and `token` answer at once.
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
from cost_analytics.settings import SettingsError

COMMANDS: Final = {
    "dev": "run the whole product on this machine: broker, database, worker, API, calls",
    "worker": "count events: Kafka in, exact totals in PostgreSQL",
    "notices": "tell people of their alerts: email, SMS, signed webhooks",
    "api": "serve the REST API and the live feed",
    "roles": "create the logins of our processes in PostgreSQL, each with its own rights",
    "migrate": "bring the database to the newest schema",
    "token": "print a bearer token for a user",
    "publish": "send events from a file or from standard input to Kafka",
    "simulate": "send believable calls to Kafka, or write them to a file",
    "verify": "recompute every total from the recorded events and count the differences",
    "rebuild": "write every total anew from the recorded events",
    "archive": "move old months of events to Parquet files; totals stay exact",
    "backup": "write a consistent copy of the ledger to a file",
    "restore": "load a backup into an empty database",
    "epoch": "show the ledger's epochs, or raise it after a point-in-time recovery",
    "prices": "show the price catalogue, or add to it from a file",
    "bills": "keep vendors' bills, to be compared with what was recorded",
    "sources": "show which service may send events of a source over HTTP, or change it",
    "gaps": "show records that Kafka lost before they were counted, or send them again",
    "dlq": "show the refused events, or send them again",
}
DEVELOPMENT: Final = frozenset({"dev", "simulate"})
"""The commands of `devkit`, which the production image does not have."""
_CLOSING: Final = """\
Settings come from environment variables, and beside a running `dev` from .local/dev.env of the
current directory; docs/settings.md lists them. `cost-analytics COMMAND --help` says more.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (default: that of this process) and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    # Commands speak in sentences; libraries are heard only where a service configures its logs.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        arguments = _parser(words).parse_args(words)
        with redirect_stdout(cast("TextIO", _Output(sys.stdout))):
            code: int = _module(arguments.command).run(arguments)
            sys.stdout.flush()
    except SettingsError as error:
        for sentence in error.errors:
            _say(sentence)
        return MISUSED
    except CommandError as error:
        _say(str(error))
        return error.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except (OutputClosedError, BrokenPipeError):
        _drop_output()
        return FAILED
    return code


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cost-analytics",
        description="Exact, live cost analytics for phone calls.",
        epilog=_CLOSING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked_for = next((word for word in words if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(
            name, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name == asked_for:
            module = _module(name)
            subparser.description = module.DESCRIPTION
            module.configure(subparser)
    return parser


class Command(Protocol):
    """What every module in `cost_analytics.commands` has."""

    DESCRIPTION: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do the work and return the exit code; raises CommandError or SettingsError."""


def _module(name: str) -> Command:
    if name not in DEVELOPMENT:
        return cast("Command", import_module(f"cost_analytics.commands.{name}"))
    if find_spec("devkit") is None:
        raise CommandError(
            f"`{name}` needs the development tools: pip install 'cost-analytics[dev]'", MISUSED
        )
    return cast("Command", import_module(f"devkit.commands.{name}"))


def _say(sentence: str) -> None:
    print(f"cost-analytics: {sentence}", file=sys.stderr)


class _Output:
    """Standard output whose closed pipe is not mistaken for a closed connection.

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
    """Keep the interpreter from reporting a closed output at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
