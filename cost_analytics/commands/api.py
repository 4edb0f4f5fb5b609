"""`cost-analytics api`: one API process."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.options import no_arguments
from cost_analytics.configuration.processes import API

DESCRIPTION: Final = """\
Serves the REST API and the live feed on API_HOST:API_PORT. Start as many replicas as the load
needs; they are stateless. /health shows whether the process is alive, /ready whether it can serve.
SIGTERM or Ctrl-C lets active requests finish and exits with code 0.
"""

configure: Final = no_arguments


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    del arguments
    loaded = settings.load(*API.needs, login=API.login)
    from cost_analytics.roots.api import serve

    return serve(loaded)
