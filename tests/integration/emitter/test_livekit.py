"""Sessions of LiveKit Agents: whose a request is, what it cost, and who pays for it.

Each case is a process with the real library: `tests/support/livekit_cases.py` and `livekit_rooms.py`.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.integrations import run_with_frameworks

pytestmark = pytest.mark.timeout(120)


async def run_case(name: str, directory: Path, module: str = "livekit_cases") -> dict[str, Any]:
    result: dict[str, Any] = await run_with_frameworks(
        f"tests.support.{module}", name, cwd=directory
    )
    return result


def costs(result: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    """Return the costs of a case that have these fields."""
    return [
        event
        for event in result["events"]
        if event["type"] == "cost.recorded"
        and all(event.get(name) == value for name, value in fields.items())
    ]


def quantities(events: list[dict[str, Any]]) -> dict[str, float]:
    """Sum up quantities by unit."""
    found: Counter[str] = Counter()
    for event in events:
        for one in event.get("usages") or [{"unit": event["unit"], "quantity": event["usage"]}]:
            found[one["unit"]] += float(one["quantity"])  # type: ignore[assignment]
    return dict(found)


def types(result: dict[str, Any]) -> Counter[str]:
    return Counter(event["type"] for event in result["events"])


async def test_sessions_that_share_components_count_their_own_requests(tmp_path: Path) -> None:
    result = await run_case("shared", tmp_path)
    found = {
        user: quantities(costs(result, callId=f"call-{user}", userId=user))
        for user in ("alice", "bob")
    }
    # LiveKit adds two seconds of silence at the end of a session, so that the last words are recognized.
    expected = {
        "alice": {"input_tokens": 300, "output_tokens": 6, "characters": 15, "seconds": 8},
        "bob": {"input_tokens": 500, "output_tokens": 10, "characters": 25, "seconds": 11},
    }
    for user, sums in expected.items():
        assert found[user] == pytest.approx(sums)
    first, second = result["counters"]
    assert first["metrics"] == second["metrics"] == first["recorded"] + second["recorded"]
    assert (first["elsewhere"], second["elsewhere"]) == (second["recorded"], first["recorded"])
    assert first["differences"] == second["differences"] == 0


async def test_requests_of_a_session_that_is_not_attached_do_not_count(tmp_path: Path) -> None:
    result = await run_case("shared_with_a_stranger", tmp_path)
    assert quantities(costs(result)) == {"input_tokens": 200, "output_tokens": 4, "characters": 10}
    [counters] = result["counters"]
    assert (counters["recorded"], counters["elsewhere"], counters["differences"]) == (4, 4, 0)


async def test_request_of_an_unknown_session_is_held_without_a_user(tmp_path: Path) -> None:
    result = await run_case("beside_two_users", tmp_path)
    [request] = costs(result)
    assert "userId" not in request
    assert request["callId"].startswith("unassigned-")
    assert result["unreported"] == {"session not known": 1}
    assert [one["unassigned"] for one in result["counters"]] == [1, 0]


async def test_request_of_one_of_two_sessions_of_a_user_is_the_users(tmp_path: Path) -> None:
    result = await run_case("beside_one_user", tmp_path)
    [request] = costs(result)
    assert (request["callId"], request["userId"]) == ("call-0", "alice")
    assert result["unreported"] == {}


async def test_failed_request_costs_nothing_and_fails_the_call(tmp_path: Path) -> None:
    result = await run_case("failed", tmp_path)
    assert costs(result) == []
    assert result["events"][-1]["status"] == "failed"


@pytest.mark.parametrize(("case", "tokens"), [("late", (90, 7)), ("replaced", (91, 8))])
async def test_real_usage_replaces_an_estimate_once(
    case: str, tokens: tuple[int, int], tmp_path: Path
) -> None:
    """It arrives late from the component, or the bot learns it from the vendor."""
    result = await run_case(case, tmp_path)
    [estimate] = costs(result, operation="inference", estimated=True)
    [void] = [event for event in result["events"] if event["type"] == "cost.voided"]
    assert void["voids"] == {"source": "/livekit", "id": estimate["id"]}
    assert void["id"] == f"{estimate['id']}-void"
    [real] = [one for one in costs(result, operation="inference") if one is not estimate]
    assert tuple(quantities([real]).values()) == tokens
    assert not real.get("estimated")
    assert result["counters"][0]["replaced"] == 1


async def test_usage_that_only_the_session_knows_counts_and_is_reported(tmp_path: Path) -> None:
    """Also, what is no metric does no harm."""
    result = await run_case("hidden", tmp_path)
    by_operation = {
        operation: quantities(costs(result, operation=operation))
        for operation in ("interruption_detection", "turn_detection", "inference")
    }
    assert by_operation == {
        "interruption_detection": {"requests": 4},
        "turn_detection": {"requests": 1},
        "inference": {"input_tokens": 140, "output_tokens": 5},
    }
    [counters] = result["counters"]
    assert (counters["missed"], counters["differences"]) == (1, 1)
    assert result["unreported"] == {"sums that differ": 1, "metrics not understood": 2}


async def test_realtime_models_report_each_modality(tmp_path: Path) -> None:
    result = await run_case("realtime", tmp_path)
    response, interrupted = costs(result)
    assert quantities([response]) == {
        "input_audio_tokens": 30,
        "cached_input_audio_tokens": 20,
        "output_audio_tokens": 30,
    }
    assert interrupted["estimated"]
    assert quantities([interrupted]) == {"input_tokens": 3, "output_tokens": 3}


async def test_events_name_the_trace_of_their_spans_once(tmp_path: Path) -> None:
    result = await run_case("traced", tmp_path)
    tags = [event["tags"] for event in result["events"] if "tags" in event]
    assert tags == [{"trace_id": trace_id} for trace_id in result["traceIds"]]
    assert len(tags) == 1


async def test_request_of_a_custom_node_belongs_to_the_session_that_speaks_it(
    tmp_path: Path,
) -> None:
    result = await run_case("own_node", tmp_path)
    calls = Counter(event["userId"] for event in costs(result, operation="inference"))
    assert calls == {"alice": 2, "bob": 2}
    [estimate] = costs(result, operation="inference", estimated=True)
    assert estimate["userId"] == "alice"


async def test_components_of_another_agent_are_followed(tmp_path: Path) -> None:
    """Its model is behind an adapter."""
    result = await run_case("changed", tmp_path)
    own = costs(result, service="own_vendor")
    assert quantities(own) == pytest.approx(
        {"input_tokens": 140, "output_tokens": 2, "characters": 10, "seconds": 10}
    )
    [counters] = result["counters"]
    assert counters["metrics"] == counters["recorded"] > 0
    assert counters["missed"] == 0


async def test_caller_of_an_inbound_call_is_the_user(tmp_path: Path) -> None:
    result = await run_case("job_of_a_caller", tmp_path, "livekit_rooms")
    start, *_, end = result["events"]
    assert (start["callId"], start["userId"]) == ("RM_1", "sip_+15550100")
    assert start["direction"] == "inbound"
    assert (start["provider"], start["providerCallId"]) == ("livekit", "room-of-the-call")
    assert end["status"] == "terminated"
    assert {event["userId"] for event in costs(result)} == {"sip_+15550100"}


async def test_costs_before_the_user_is_known_are_held_for_the_user(tmp_path: Path) -> None:
    result = await run_case("job_of_a_callee", tmp_path, "livekit_rooms")
    [start] = [event for event in result["events"] if event["type"] == "call.started"]
    assert (start["userId"], start["direction"]) == ("carol", "outbound")
    assert len(costs(result, callId="RM_1")) == 2
    assert not [event for event in costs(result) if "userId" in event]


async def test_metadata_names_the_user(tmp_path: Path) -> None:
    result = await run_case("job_with_metadata", tmp_path, "livekit_rooms")
    start = result["events"][0]
    assert (start["callId"], start["userId"], start["tags"]) == ("mine", "dave", {"a": "b"})
    assert "direction" not in start


async def test_call_without_a_user_is_reported(tmp_path: Path) -> None:
    result = await run_case("job_without_a_user", tmp_path, "livekit_rooms")
    assert types(result) == {"cost.recorded": 2, "call.ended": 1}
    assert result["unreported"] == {"user not found": 1}


async def test_wrong_use_is_logged_and_raises_nothing(tmp_path: Path) -> None:
    result = await run_case("wrong_use", tmp_path, "livekit_rooms")
    assert result["same"]
    assert result["nothing"] is None
    assert result["again"]
    assert types(result) == {"call.started": 2, "cost.recorded": 2, "call.ended": 1}
    assert result["unreported"] == {"session not followed": 1}
