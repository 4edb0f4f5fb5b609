"""`cost-analytics api`: one API process, until it is stopped."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings

DESCRIPTION: Final = """\
Serves the REST API and the live feed on API_HOST:API_PORT. Start as many replicas as the load
needs: none has any state of its own. /health says whether the process lives, /ready whether it can
serve. SIGTERM or Ctrl-C lets requests under way finish and ends with code 0.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: the API is configured by settings alone."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    del arguments
    loaded = settings.load(
        "kafka", "database", "tokens", "api", "limits", "budget", "delivery", login="api"
    )
    from cost_analytics.roots.api import serve

    return serve(loaded)
