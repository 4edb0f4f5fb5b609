"""An id that is not in the data is not erased, because it may be mistyped."""

from pathlib import Path

import pytest

from ledger.people.erasure import UnknownUserError
from tests.integration.people.test_erasure import calls_of, record
from tests.support.archives import archive
from tests.support.events import cost
from tests.support.personal_data import erased
from tests.support.recording import TopicLog, assert_verified, fetch

NAMED_BY = {
    "limits": "INSERT INTO user_budget_settings (user_id) VALUES ('dora')",
    "a source of events": "INSERT INTO event_sources (source, subject) VALUES ('/s', 'dora')",
    "the author of a row": """INSERT INTO webhook_endpoints (endpoint_id, provider, name, user_path, replay_seconds, settings, created_by)
        VALUES (repeat('e', 32), 'vapi', 'n', 'u', 300, '{}', 'admin dora')""",
    "the key of a refused record": """INSERT INTO dead_letters (cluster, topic, "partition", "offset", code, message, key, value)
        VALUES ('c', 't', 0, 1, 'invalid_json', 'x', 'dora', 'no JSON')""",
    "the user of a refused record": """INSERT INTO dead_letters (cluster, topic, "partition", "offset", code, message, value)
        VALUES ('c', 't', 0, 1, 'too_old', 'x', '{"data": {"userId": "dora"}}')""",
    "a message to publish": """INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload)
        VALUES (gen_random_uuid(), 'budget-alert', 'dora', 't', '{"userId": "dora"}')""",
}  # fmt: skip


async def test_part_of_another_id_is_unknown(database_url: str) -> None:
    events = [*calls_of("alice", "call", 4), cost("call-x", "alice", usage=-1)]
    refused = await record(database_url, events, TopicLog())
    assert len(refused.letters) == 1
    before = await fetch(database_url, "SELECT value FROM dead_letters")
    for mistyped in ("alic", "alice ", "Alice", "alcie", "lice"):
        with pytest.raises(UnknownUserError):
            await erased(database_url, user_id=mistyped)
    assert await fetch(database_url, "SELECT FROM erased_users") == []
    assert await fetch(database_url, "SELECT value FROM dead_letters") == before
    await assert_verified(database_url)


@pytest.mark.parametrize("named_by", NAMED_BY)
async def test_id_that_anything_names_is_known(database_url: str, named_by: str) -> None:
    await fetch(database_url, NAMED_BY[named_by])
    receipt = await erased(database_url, user_id="dora")
    assert sum(receipt.rows.values()) == 1
    assert (await erased(database_url, user_id="dora")).pseudonym == receipt.pseudonym


async def test_user_of_an_archived_month_is_known(database_url: str, tmp_path: Path) -> None:
    await record(database_url, calls_of("dora", "call", 1), TopicLog())
    await archive(database_url, tmp_path)
    assert (await erased(database_url, user_id="dora")).pending_archives


async def test_user_erased_in_advance_is_counted_under_the_pseudonym(database_url: str) -> None:
    receipt = await erased(database_url, user_id="carol", allow_unknown=True)
    assert receipt.rows == {}
    await record(database_url, calls_of("carol", "call", 2), TopicLog())
    [[owner]] = await fetch(database_url, "SELECT DISTINCT user_id FROM calls")
    assert owner == receipt.pseudonym
    await assert_verified(database_url)
