"""`cost-analytics demo`: the whole product and one example that sends it a call."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.options import whole_number

DESCRIPTION: Final = """\
Starts the product as `dev` does, without simulated calls, creates a key for one service, and runs
the example WAY: a program in examples/ that reports a call as your voice stack would. Prints the
address of the call on the dashboard, the counted costs, and their difference to the reported ones.
Without WAY it lists the examples. Ctrl-C stops everything.

  cost-analytics demo python
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the example, the port, and whether to stop after the example."""
    parser.add_argument("way", nargs="?", default="", metavar="WAY", help="none: list all ways")
    parser.add_argument(
        "--port",
        type=whole_number(1, 65_535),
        metavar="N",
        help="the port of the API (default: PORT of the environment, else 8080)",
    )
    parser.add_argument(
        "--exit", action="store_true", help="stop after the example instead of at Ctrl-C"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until stopped, or until the example has ended; fails if a figure differs."""
    from devkit.demo.ways import list_of_ways, way_named

    if not arguments.way:
        print(list_of_ways())
        return 0
    way = way_named(arguments.way)
    options = replace(settings.load("dev").dev, simulate=0)
    if arguments.port:
        options = replace(options, port=arguments.port)
    from devkit.demo.demonstration import demonstrate, install_needs
    from devkit.dev.serve import serve

    install_needs(way)
    return serve(options, lambda loaded: demonstrate(way, loaded), ends_then=arguments.exit)
