"""Structured logs: each line has a time, a level, a logger, a stable `action` and a sentence.

Modules log with `logger.info("a sentence", extra={"action": "batch_committed", "events": 4000})`;
everything in `extra` becomes a field of the line. `action` is what alarms and searches hang on, so
it never changes with the wording; a line of a library that gives none has its logger's name. Every
field passes the redactor: secrets never reach a line.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from numbers import Real
from typing import Any, Final, TextIO

from cost_analytics.configuration.tree import Settings
from cost_analytics.redaction import STARS, Redactor

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET_NAME: Final = re.compile(r"(?i)password|passwd|secret|(^|_)token$|authorization")
_CHATTY: Final = ("aiokafka", "aiohttp", "asyncio", "faust", "kafka", "mode")
"""Libraries whose INFO lines tell an operator nothing; shown with LOG_LEVEL=DEBUG."""


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (standard error), in the form that is set."""
    stream = stream or sys.stderr
    shape = settings.logs.format or ("text" if stream.isatty() else "json")
    redactor = Redactor(settings.secrets())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextLines(redactor) if shape == "text" else JsonLines(redactor))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.logs.level)
    quiet = logging.NOTSET if settings.logs.level == "DEBUG" else logging.WARNING
    for name in _CHATTY:
        logging.getLogger(name).setLevel(quiet)
    logging.captureWarnings(True)


class _Lines(logging.Formatter):
    """What both forms share: the fields of a record, free of secrets."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redact: Callable[[str], str] = redactor.redact

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "action": extra.pop("action", record.name),
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        fields |= {name: value for name, value in extra.items() if name not in fields}
        return self._clean_all(fields)

    def _clean_all(self, fields: Mapping[Any, object]) -> dict[str, Any]:
        return {
            str(name): STARS if _SECRET_NAME.search(str(name)) else self._clean(value)
            for name, value in fields.items()
        }

    def _clean(self, value: object) -> Any:
        """Return a value that JSON knows, with every text in it redacted."""
        if value is None or isinstance(value, Real):
            return value
        if isinstance(value, Mapping):
            return self._clean_all(value)
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(part) for part in value]
        return self._redact(str(value))


class JsonLines(_Lines):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return json.dumps(self._fields(record), ensure_ascii=False, default=str)


class TextLines(_Lines):
    """For a person: the time of day, the level, the sentence, then the other fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; only an exception makes it several."""
        fields = self._fields(record)
        time, level, logger = fields.pop("time"), fields.pop("level"), fields.pop("logger")
        message, error = fields.pop("message"), fields.pop("error", None)
        pairs = " ".join(f"{name}={_quoted(value)}" for name, value in fields.items())
        line = f"{time[11:23]} {level:<7} {logger}: {message}  {pairs}"
        return f"{line}\n{error}" if error else line


def _quoted(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False) if not text or " " in text else text
