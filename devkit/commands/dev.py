"""`cost-analytics dev`: the whole product on this machine; used by `make run`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.options import whole_number

DESCRIPTION: Final = """\
Runs the whole product on this machine: a broker, PostgreSQL, one worker, one process each for
notifications and commands, one API, and simulated calls. Nothing else needs to be installed beside
this package with its extra `dev`. Prints the address of the dashboard and a `curl` command that
works as it is. Data are kept in .local/ of the current directory; addresses and secrets are in
.local/dev.env, where the other commands find them.

Ctrl-C stops everything. If a process ends by itself, the others are stopped, too, and its last
lines are shown.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the port and whether calls are simulated."""
    parser.add_argument(
        "--port",
        type=whole_number(1, 65_535),
        metavar="N",
        help="the port of the API (default: PORT of the environment, else 8080)",
    )
    parser.add_argument(
        "--no-simulation",
        action="store_true",
        help="do not simulate calls (same as SIMULATE=0 in the environment)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until stopped."""
    options = settings.load("dev").dev
    if arguments.port:
        options = replace(options, port=arguments.port)
    if arguments.no_simulation:
        options = replace(options, simulate=0)
    from devkit.dev.serve import serve

    return serve(options)
