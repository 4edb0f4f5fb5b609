"""`cost-analytics commands`: one process that ends calls."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.options import no_arguments
from cost_analytics.configuration.processes import COMMANDS

DESCRIPTION: Final = """\
Executes commands about calls: it ends calls that reached their limit, that are stuck, or that a
person ends, through the vendor of the call or through a signed webhook (COMMANDS_WEBHOOK_URL). The
topic cost.call-commands.v1 triggers it, but commands and attempts are stored in PostgreSQL: neither
a lost message nor a crash loses a command. Several processes share the work.

SIGTERM or Ctrl-C lets active attempts finish and exits with code 0.
"""

configure: Final = no_arguments


def run(arguments: argparse.Namespace) -> int:
    """Execute commands until stopped."""
    del arguments
    loaded = settings.load(*COMMANDS.needs, login=COMMANDS.login)
    from cost_analytics.roots.commands import serve

    return serve(loaded)
