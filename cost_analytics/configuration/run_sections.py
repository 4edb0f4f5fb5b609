"""Settings of the development instance, of metrics, traces and logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cost_analytics.configuration.variable import (
    Section,
    choice,
    custom,
    flag,
    integer,
    optional,
    text,
)

if TYPE_CHECKING:
    from cost_analytics.configuration.reader import Reader

LogFormat = Literal["text", "json", ""]


def _simulate(reader: Reader, name: str) -> int:
    is_number = reader.text(name).isdecimal()
    return reader.integer(name, 0, 100) if is_number else int(reader.flag(name))


@dataclass(frozen=True, slots=True)
class DevSection(Section):
    """Settings of `make run`; `simulate` is a multiple of the usual rate of simulated calls."""

    port: int = integer(
        "PORT", 8080, (1, 65_535), "The port on which `make run` serves the dashboard and the API."
    )
    simulate: int = custom(
        "SIMULATE",
        1,
        "`0` starts `make run` without simulated calls and without their history. `10` simulates "
        "ten times as many calls; at most `100`.",
        _simulate,
    )
    broker_memory_mb: int = integer(
        "BROKER_MEMORY_MB",
        64,
        (1, 4_096),
        "The embedded broker is replaced when its log in memory has grown by this much.",
    )


def _port(reader: Reader, name: str) -> int | None:
    return reader.integer(name, 1, 65_535) if reader.is_set(name) else None


@dataclass(frozen=True, slots=True)
class MetricsSection(Section):
    """Where all processes but the API serve their metrics; the API has settings of its own."""

    host: str = text(
        "METRICS_HOST", "127.0.0.1", "Address of the ports below; `0.0.0.0` in a container."
    )
    worker_port: int | None = custom(
        "WORKER_METRICS_PORT",
        None,
        "The port on which `worker` serves `/metrics`. Unset: it serves none.",
        _port,
    )
    notices_port: int | None = custom(
        "NOTICES_METRICS_PORT",
        None,
        "The port on which `notices` serves `/metrics`. Unset: it serves none.",
        _port,
    )
    commands_port: int | None = custom(
        "COMMANDS_METRICS_PORT",
        None,
        "The port on which `commands` serves `/metrics`. Unset: it serves none.",
        _port,
    )


@dataclass(frozen=True, slots=True)
class TracingSection(Section):
    """Where spans of sampled events are sent; the SDK of OpenTelemetry reads all other `OTEL_…`."""

    endpoint: str | None = optional(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "The address of a receiver of OTLP over HTTP, such as `http://collector:4318`: turns "
        "tracing on, which needs the extra `tracing` ([operations](operations.md#tracing)). "
        "OpenTelemetry's other variables apply too, such as `OTEL_SERVICE_NAME` and "
        "`OTEL_EXPORTER_OTLP_HEADERS`.",
    )
    traces_endpoint: str | None = optional(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "The same, with the whole path: `http://collector:4318/v1/traces`.",
    )
    is_disabled: bool = flag("OTEL_SDK_DISABLED", False, "`true` turns tracing off.")

    @property
    def is_on(self) -> bool:
        """Whether spans are exported."""
        return not self.is_disabled and bool(self.endpoint or self.traces_endpoint)


@dataclass(frozen=True, slots=True)
class LogSection(Section):
    """The level and the format of logs; an empty format is text on a terminal, else JSON."""

    level: str = choice(
        "LOG_LEVEL",
        "INFO",
        ("DEBUG", "INFO", "WARNING", "ERROR"),
        "The lowest level that is logged:",
    )
    format: LogFormat = choice(
        "LOG_FORMAT",
        "",
        ("text", "json"),
        "Text for people, or one JSON object per line. Unset: text on a terminal, else JSON.",
    )
