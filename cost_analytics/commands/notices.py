"""`cost-analytics notices`: one process that delivers notifications."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.options import no_arguments
from cost_analytics.configuration.processes import NOTICES

DESCRIPTION: Final = """\
Delivers notifications by email (SMTP_URL), SMS (SMS_URL), Slack, Discord, Microsoft Teams and
signed webhooks. The topic cost.budget-alerts.v1 triggers it, but deliveries and attempts are stored
in PostgreSQL: neither a lost message nor a crash loses a notification. Several processes share the
work.

It also detects anomalies in calls and days, and refreshes prices once a day (PRICE_SOURCES).
SIGTERM or Ctrl-C lets active attempts finish and exits with code 0.
"""

configure: Final = no_arguments


def run(arguments: argparse.Namespace) -> int:
    """Deliver until stopped."""
    del arguments
    loaded = settings.load(*NOTICES.needs, login=NOTICES.login)
    from cost_analytics.roots.notices import serve

    return serve(loaded)
