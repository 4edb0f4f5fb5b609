"""`cost-analytics notices`: one process that delivers notifications, until it is stopped."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings

DESCRIPTION: Final = """\
Tells people of their budget alerts: by email (SMTP_URL), by SMS (SMS_URL) and by signed webhooks.
Wakes on cost.budget-alerts.v1; what is to be delivered, and every attempt, is in PostgreSQL, so a
message that is lost or a process that dies loses no notice. Start several: they share the work.
It also looks for anomalies in calls and days, and once a day at the sources of prices
(PRICE_SOURCES).
SIGTERM or Ctrl-C lets attempts under way end and ends with code 0.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: notices are configured by settings alone."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Deliver until stopped."""
    del arguments
    loaded = settings.load(
        "kafka", "database", "delivery", "prices", "anomalies", login="notifications"
    )
    from cost_analytics.roots.notices import serve

    return serve(loaded)
