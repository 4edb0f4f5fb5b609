"""Retryable errors of Kafka and PostgreSQL."""

from __future__ import annotations

from typing import Final

from ledger.postgres.database import TRANSIENT_ERRORS
from messaging.kafka import KafkaError

RETRYABLE_ERRORS: Final = (KafkaError, *TRANSIENT_ERRORS)
"""The brokers or the database are unavailable or busy."""
