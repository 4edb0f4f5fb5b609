"""Structured logs: each line has a time, a level, a logger, a stable `action` and a message.

Modules log with `logger.info("message", extra={"action": "batch_committed", "events": 4000})`; all
values in `extra` become fields. Alarms and searches rely on `action`, which never changes with the
wording; lines of libraries without one have the logger's name instead. Every field passes the
redactor, so that secrets never reach a line.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TextIO

from cost_analytics.configuration.tree import Settings
from cost_analytics.redaction import STARS, Redactor

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_encode: Final = json.JSONEncoder(ensure_ascii=False).encode
_SECRET_NAME: Final = re.compile(r"(?i)password|passwd|secret|(^|_)token$|authorization")
_CHATTY: Final = ("aiokafka", "aiohttp", "asyncio", "faust", "kafka", "mode")
"""Libraries with INFO lines that do not help an operator; shown with LOG_LEVEL=DEBUG."""


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (standard error) in the configured format."""
    stream = stream or sys.stderr
    log_format = settings.logs.format or ("text" if stream.isatty() else "json")
    redactor = Redactor(settings.secrets())
    handler = logging.StreamHandler(stream)
    formatter = TextLogFormatter if log_format == "text" else JsonLogFormatter
    handler.setFormatter(formatter(redactor))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.logs.level)
    quiet = logging.NOTSET if settings.logs.level == "DEBUG" else logging.WARNING
    for name in _CHATTY:
        logging.getLogger(name).setLevel(quiet)
    logging.captureWarnings(True)
    # These fields are not shown, so save the time to collect them for each line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class _StructuredFormatter(logging.Formatter):
    """Base class of both formats: returns the fields of a record without secrets.

    Every request is logged, so this must be fast.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redact: Callable[[str], str] = redactor.redact

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        fields = {
            "time": _time_of(record),
            "level": record.levelname,
            "logger": record.name,
            "action": record.name,
            "message": self._redact(record.getMessage()),
        }
        if record.exc_info:
            fields["error"] = self._redact(self.formatException(record.exc_info))
        for name, value in vars(record).items():
            if name not in _STANDARD and (name not in fields or name == "action"):
                fields[name] = self._clean(name, value)
        return fields

    def _clean(self, name: str, value: object) -> Any:
        """Return a value that JSON supports, with all texts redacted."""
        if _is_secret(name):
            return STARS
        if value is None or isinstance(value, int | float):
            return value
        if isinstance(value, Mapping):
            return {str(key): self._clean(str(key), part) for key, part in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(name, part) for part in value]
        return self._redact(str(value))


@lru_cache(maxsize=4_096)
def _is_secret(name: str) -> bool:
    """Return whether the name of a field marks a secret."""
    return _SECRET_NAME.search(name) is not None


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _time_of(record: logging.LogRecord) -> str:
    """Return the time of the record in UTC, in milliseconds."""
    return f"{_second(int(record.created))}.{int(record.msecs):03d}Z"


class JsonLogFormatter(_StructuredFormatter):
    """Formats a record as one JSON object on a line."""

    def format(self, record: logging.LogRecord) -> str:
        return _encode(self._fields(record))


class TextLogFormatter(_StructuredFormatter):
    """Formats a record for people: the time of day, the level, the message, the other fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, several with an exception."""
        fields = self._fields(record)
        time, level, logger = fields.pop("time"), fields.pop("level"), fields.pop("logger")
        message, error = fields.pop("message"), fields.pop("error", None)
        pairs = " ".join(f"{name}={_quote(value)}" for name, value in fields.items())
        line = f"{time[11:23]} {level:<7} {logger}: {message}  {pairs}"
        return f"{line}\n{error}" if error else line


def _quote(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False) if not text or " " in text else text
