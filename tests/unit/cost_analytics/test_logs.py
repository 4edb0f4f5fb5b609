"""Logs: one line an event, a stable action in each, and no secret."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from cost_analytics import logs
from cost_analytics.redaction import Redactor
from cost_analytics.settings import settings_from

PASSWORD = "correct-horse-battery"
KEY = "a-key-of-more-than-thirty-two-bytes"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
URL = f"postgresql://user:{PASSWORD}@db/costs"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Return the stream of the log lines, and restore the root logger afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def configure(stream: io.StringIO, shape: str) -> logging.Logger:
    values = {"DATABASE_URL": URL, "JWT_SECRET": KEY, "LOG_FORMAT": shape}
    logs.configure(settings_from(values, "database", "tokens"), stream)
    return logging.getLogger("test.logs")


def test_json_lines_have_all_fields(stream: io.StringIO) -> None:
    log = configure(stream, "json")
    log.info("committed %d", 7, extra={"action": "batch_committed", "events": 7, "slow": None})
    log.info("nothing else")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first["action"] == "batch_committed"
    assert (first["level"], first["logger"], first["message"]) == (
        "INFO",
        "test.logs",
        "committed 7",
    )
    assert (first["events"], first["slow"]) == (7, None)
    assert first["time"].endswith("Z")
    assert second["action"] == "test.logs"


def test_text_lines_are_readable(stream: io.StringIO) -> None:
    configure(stream, "text").warning("two words", extra={"action": "said", "who": "a b"})
    line = stream.getvalue().rstrip("\n")
    assert line.endswith('WARNING test.logs: two words  action=said who="a b"')


def test_output_other_than_a_terminal_is_json(stream: io.StringIO) -> None:
    configure(stream, "").info("said")
    assert json.loads(stream.getvalue())["message"] == "said"


@pytest.mark.parametrize("shape", ["text", "json"])
def test_no_secret_reaches_a_line(stream: io.StringIO, shape: str) -> None:
    log = configure(stream, shape)
    log.info("%s and %s", URL, KEY, extra={"url": URL, "nested": {"password": "x", "k": [KEY]}})
    log.info("Authorization: Bearer %s", TOKEN)
    log.info("password=%s", "another-secret", extra={"jwt_secret": "yet-another"})
    try:
        raise ValueError(f"cannot connect to {URL}")
    except ValueError:
        log.exception("failed")
    text = stream.getvalue()
    for secret in (PASSWORD, KEY, TOKEN, "another-secret", "yet-another"):
        assert secret not in text
    assert "cannot connect to" in text
    assert "user" in text


def test_chatty_libraries_log_only_when_debugging(stream: io.StringIO) -> None:
    configure(stream, "text")
    logging.getLogger("aiokafka.consumer").info("hello")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("postgres://u:p@ss@h/d", "postgres://u:***@h/d"),
        ("at http://host:80/path?x=1", "at http://host:80/path?x=1"),
        ("the token has expired", "the token has expired"),
        (f"got {TOKEN}!", "got ***!"),
        ("ticket=abcdef&a=1", "ticket=***&a=1"),
        (f"key cak_abcd{39 * 'x'}, used", "key cak_abcd***, used"),
        ('{"password": "x y", "a": 1}', '{"password": "*** y", "a": 1}'),
    ],
)
def test_text_that_looks_like_a_secret_is_redacted(text: str, clean: str) -> None:
    assert Redactor().redact(text) == clean


def test_encoded_passwords_are_redacted_in_both_forms() -> None:
    redactor = Redactor(["postgresql://u:p%40ssword@h/d"])
    assert redactor.redact("p%40ssword, p@ssword") == "***, ***"
