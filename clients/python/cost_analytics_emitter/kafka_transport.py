"""Sends events to Kafka, for services that have a broker.

librdkafka has a thread and a queue of its own and a synchronous interface, so it needs no event
loop in the sender's thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cost_analytics_emitter.events import Event
from cost_analytics_emitter.transport import Reply

TOPIC: Final = "cost.call-events.v1"
_DEFAULTS: Final[Mapping[str, object]] = {
    "acks": "all",
    "linger.ms": 5,
    "compression.type": "lz4",
    # The partitioner of Java's clients: the events of a user stay in one partition, whatever client
    # sends them.
    "partitioner": "murmur2_random",
}


class KafkaTransport:
    """A producer. Entries of `configuration`, of librdkafka, override the defaults here."""

    def __init__(
        self, configuration: Mapping[str, object], topic: str, timeout_seconds: float
    ) -> None:
        """Raises RuntimeError without the library, ValueError for a wrong configuration."""
        try:
            import confluent_kafka as library
        except ImportError:
            raise RuntimeError(
                "`kafka` needs confluent-kafka: pip install 'cost-analytics-emitter[kafka]'"
            ) from None
        timeouts = {"delivery.timeout.ms": round(timeout_seconds * 1000)}
        try:
            self._producer: Any = library.Producer({**_DEFAULTS, **timeouts, **configuration})
        except library.KafkaException as error:
            raise ValueError(f"`kafka` is not a valid configuration: {error}") from None
        self._kafka_error: Any = library.KafkaError
        self._topic = topic
        self._timeout_seconds = timeout_seconds

    def send(self, events: Sequence[Event]) -> Reply:
        accepted: set[str] = set()
        errors: list[Any] = []
        for event in events:
            self._produce(event, accepted, errors)
        self._producer.flush(self._timeout_seconds)
        if len(self._producer):
            # The caller sends unconfirmed events again; do not send them twice.
            self._producer.purge()
            self._producer.flush(1)
        if not accepted and errors and all(self._is_too_large(error) for error in errors):
            return Reply(refusal="too_large", message=str(errors[0]))
        # The message is only used if an event was not accepted.
        message = str(errors[0]) if errors else "no acknowledgement in time"
        return Reply(accepted=accepted, message=message)

    def close(self) -> None:
        """Do nothing: nothing is queued between two calls of `send`."""

    def _produce(self, event: Event, accepted: set[str], errors: list[Any]) -> None:
        def on_delivery(error: Any, _message: Any) -> None:
            if error is None:
                accepted.add(event.id)
            else:
                errors.append(error)

        try:
            self._producer.produce(
                self._topic, event.body, key=event.key.encode(), on_delivery=on_delivery
            )
        except BufferError as error:
            errors.append(error)
        except Exception as error:  # a KafkaException, whose argument is a KafkaError
            errors.append(error.args[0] if error.args else error)

    def _is_too_large(self, error: Any) -> bool:
        if not isinstance(error, self._kafka_error):
            return False
        return bool(error.code() == self._kafka_error.MSG_SIZE_TOO_LARGE)
