"""Settings of retention: how long data that no total needs are kept."""

from __future__ import annotations

from typing import Final

from cost_analytics.configuration.variable import Variable

RETENTION_VARIABLES: Final = (
    Variable(
        "retention",
        "RETENTION_INTERVAL_MINUTES",
        "60",
        "How often one of the workers removes what is older than the settings below. 1 to 1440.",
    ),
    Variable(
        "retention",
        "RETENTION_IDENTITY_DAYS",
        "430",
        "Identities of events, counted from their recording, and what a void or a late price needs "
        "of archived costs. At least 430: an event may be 400 days old, and a repeat of it must be "
        "recognised.",
    ),
    Variable(
        "retention",
        "RETENTION_DEAD_LETTER_DAYS",
        "400",
        "Refused records in the table `dead_letters`. After 400 days a replay could count none of "
        "them.",
    ),
    Variable(
        "retention",
        "RETENTION_PRICE_PROPOSAL_DAYS",
        "730",
        "Price proposals that were decided. One that is pending stays. The catalogue is kept "
        "whole.",
    ),
    Variable(
        "retention", "RETENTION_PRICE_REFRESH_DAYS", "90", "The log of refreshes of price sources."
    ),
    Variable(
        "retention",
        "RETENTION_ALERT_DAYS",
        "800",
        "Budget alerts and cutoff requests. At least 465, so that a late event raises no alert a "
        "second time.",
    ),
    Variable(
        "retention",
        "RETENTION_ANOMALY_DAYS",
        "800",
        "Anomalies. At least 465, for the same reason.",
    ),
    Variable(
        "retention",
        "RETENTION_NOTIFICATION_DAYS",
        "180",
        "Notification deliveries that are finished, with their attempts. At least 7.",
    ),
    Variable(
        "retention",
        "RETENTION_TOTAL_DAYS",
        "90",
        "Totals of ended calls on `cost.call-totals.v1`, counted from their last change: then a "
        "tombstone lets compaction remove them. The totals in PostgreSQL are never removed.",
    ),
)
