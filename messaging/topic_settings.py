"""Reads settings of topics from the brokers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from messaging.kafka import KafkaError, KafkaSettings

_RETENTION: Final = "retention.ms"
_NAME, _VALUE = 0, 1


async def retention_ms(settings: KafkaSettings, topics: Sequence[str]) -> dict[str, int | None]:
    """Return for how many milliseconds topics keep records, None without a limit.

    A topic whose brokers do not say, such as the embedded one, is left out. Raises KafkaError if no
    broker responds.
    """
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        wanted = [
            ConfigResource(ConfigResourceType.TOPIC, name, {_RETENTION: None}) for name in topics
        ]
        responses = await admin.describe_configs(wanted)
    except (KafkaError, TimeoutError):
        return {}
    finally:
        with suppress(KafkaError, TimeoutError):
            await admin.close()
    found: dict[str, int | None] = {}
    for response in responses:
        for error_code, _, _, topic, entries in response.resources:
            value = _value_of(entries)
            if not error_code and value is not None:
                found[topic] = None if int(value) < 0 else int(value)
    return found


def _value_of(entries: Sequence[Sequence[Any]]) -> str | None:
    return next((entry[_VALUE] for entry in entries if entry[_NAME] == _RETENTION), None)
