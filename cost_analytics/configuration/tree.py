"""The settings as frozen values, one class for each section; secrets are wrapped.

A section that a command does not need contains its defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, get_type_hints

from cost_analytics.configuration.api_section import ApiSection, LimitSection
from cost_analytics.configuration.command_section import CommandSection
from cost_analytics.configuration.delivery_sections import AnomalySection, DeliverySection
from cost_analytics.configuration.intake_section import IntakeSection
from cost_analytics.configuration.kafka_section import KafkaSection
from cost_analytics.configuration.run_sections import (
    DevSection,
    LogSection,
    MetricsSection,
    TracingSection,
)
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.storage_section import StorageSection
from cost_analytics.configuration.token_section import TokenSection
from cost_analytics.configuration.variable import Section
from cost_analytics.configuration.worker_sections import (
    BudgetSection,
    PriceSection,
    RetentionSection,
    StuckCallSection,
    WorkerSection,
)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a command."""

    database_url: Secret = Secret("")
    rerate_url: Secret = Secret("")
    people_url: Secret = Secret("")
    passwords: Mapping[str, Secret] = field(default_factory=dict)
    kafka: KafkaSection = field(default_factory=KafkaSection)
    tokens: TokenSection = field(default_factory=TokenSection)
    api: ApiSection = field(default_factory=ApiSection)
    limits: LimitSection = field(default_factory=LimitSection)
    budget: BudgetSection = field(default_factory=BudgetSection)
    prices: PriceSection = field(default_factory=PriceSection)
    worker: WorkerSection = field(default_factory=WorkerSection)
    retention: RetentionSection = field(default_factory=RetentionSection)
    stuck_calls: StuckCallSection = field(default_factory=StuckCallSection)
    delivery: DeliverySection = field(default_factory=DeliverySection)
    commands: CommandSection = field(default_factory=CommandSection)
    anomalies: AnomalySection = field(default_factory=AnomalySection)
    intake: IntakeSection = field(default_factory=IntakeSection)
    metrics: MetricsSection = field(default_factory=MetricsSection)
    tracing: TracingSection = field(default_factory=TracingSection)
    storage: StorageSection = field(default_factory=StorageSection)
    dev: DevSection = field(default_factory=DevSection)
    logs: LogSection = field(default_factory=LogSection)

    def secrets(self) -> list[str]:
        """Return the secrets, which must not appear in a log line."""
        sections = (getattr(self, name) for name in SECTIONS)
        wrapped = [self.database_url, self.rerate_url, self.people_url]
        wrapped += self.passwords.values()
        wrapped += [secret for section in sections for secret in section.secrets()]
        return [secret.reveal() for secret in wrapped if secret]


SECTIONS: Final[Mapping[str, type[Section]]] = {
    name: kind
    for name, kind in get_type_hints(Settings).items()
    if isinstance(kind, type) and issubclass(kind, Section)
}
"""By field name, without the database's settings, which depend on the login."""
