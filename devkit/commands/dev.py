"""`cost-analytics dev`: the whole product on this machine; `make run` calls it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.options import whole_number

DESCRIPTION: Final = """\
Runs everything on this machine: a broker, PostgreSQL, the schema, one worker, one process that
delivers notices, one API, and simulated calls. Nothing needs to be installed beside this package
(with its extra `dev`). Prints where to look and a `curl` line that works as it stands. Data are
kept under .local/ of the current directory; the addresses and the secret are in .local/dev.env,
where the other commands find them.

Ctrl-C stops everything. When a part ends by itself, the others are stopped too and its last lines
are shown.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the port and whether calls are simulated."""
    parser.add_argument(
        "--port",
        type=whole_number(1, 65_535),
        metavar="N",
        help="serve here (default: PORT of the environment, else 8080)",
    )
    parser.add_argument(
        "--no-simulation",
        action="store_true",
        help="without simulated calls (as SIMULATE=0 in the environment)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until stopped."""
    wanted = settings.load("dev").dev
    if arguments.port:
        wanted = replace(wanted, port=arguments.port)
    if arguments.no_simulation:
        wanted = replace(wanted, simulate=0)
    from devkit.dev.serve import serve

    return serve(wanted)
