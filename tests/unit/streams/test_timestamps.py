"""The times of a message that the relay adds."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from streams.publishing.relay import add_timestamps

COMMITTED = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(("later_ms", "published_ms"), [(-1, 0), (0, 0), (5, 5)])
def test_publication_is_never_before_the_commit(later_ms: int, published_ms: int) -> None:
    now = COMMITTED + timedelta(milliseconds=later_ms)
    data = json.loads(add_timestamps('{"data": {"a": 1}}', COMMITTED, now))["data"]
    published = datetime.fromisoformat(data["publishedAt"])
    assert (data["a"], datetime.fromisoformat(data["committedAt"])) == (1, COMMITTED)
    assert published - COMMITTED == timedelta(milliseconds=published_ms)
