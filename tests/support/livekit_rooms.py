"""Sessions of LiveKit Agents in jobs and rooms; prints the events of the case that is named.

It runs in the environment of the voice frameworks: `python -m tests.support.livekit_rooms NAME`.
"""

import asyncio
from typing import Any

from livekit import rtc
from livekit.agents import Agent
from livekit.agents.testing import fake_job_context

from cost_analytics_emitter.livekit import attach, user_from_attribute, user_from_metadata
from tests.support.livekit_cases import Case
from tests.support.livekit_conversation import new_session, run
from tests.support.livekit_parts import (
    FakeRoom,
    RecordingEmitter,
    answering,
    outcome,
    participant,
    say,
)


async def _in_a_room(*participants: Any, late: bool = False, **options: Any) -> dict[str, Any]:
    emitter, room = RecordingEmitter(), FakeRoom(*(() if late else participants))
    session, _ = new_session(answering())
    with fake_job_context(room=room) as job:
        job.job.room.sid, job.job.room.name = "RM_1", "room-of-the-call"
        callbacks: list[Any] = []
        job.add_shutdown_callback = callbacks.append
        attachment = attach(session, emitter, **options)
        await session.start(Agent(instructions="Be brief."))
        await say(session, "a")
        if late:
            room.remote_participants |= {one.identity: one for one in participants}
            for one in participants:
                room.emit("participant_connected", one)
        await asyncio.sleep(0.05)
        await asyncio.gather(*(callback() for callback in callbacks))
    return outcome(emitter, attachment)


async def job_of_a_caller() -> dict[str, Any]:
    """An inbound call by telephone, beside an agent; the job is shut down."""
    caller = participant("sip_+15550100", rtc.ParticipantKind.PARTICIPANT_KIND_SIP, sip_ruleID="r")
    agent = participant("other-agent", rtc.ParticipantKind.PARTICIPANT_KIND_AGENT)
    return await _in_a_room(agent, caller)


async def job_of_a_callee() -> dict[str, Any]:
    """An outbound call by telephone, whose participant connects after the first reply."""
    callee = participant("sip_+15550100", rtc.ParticipantKind.PARTICIPANT_KIND_SIP, userId="carol")
    return await _in_a_room(callee, late=True, user=user_from_attribute("userId"))


async def job_with_metadata() -> dict[str, Any]:
    """A participant whose metadata names the user, and one of whom it does not."""
    dave = participant("web-1", metadata='{"user": "dave"}')
    return await _in_a_room(dave, user=user_from_metadata("user"), call_id="mine", tags={"a": "b"})


async def job_without_a_user() -> dict[str, Any]:
    """A function that fails, so no user is found."""
    return await _in_a_room(participant("web-1", metadata="not json"), user=user_from_metadata("u"))


async def wrong_use() -> dict[str, Any]:
    """A session is attached twice, and what is no session once."""
    emitter = RecordingEmitter()
    session, _ = new_session(answering())
    first, second = (attach(session, emitter, user="alice") for _ in range(2))
    nothing = attach(object(), emitter, user="alice")
    await session.start(Agent(instructions="Be brief."))
    await say(session, "a")
    await session.aclose()
    again = attach(session, emitter, user="alice")
    return outcome(emitter, first, same=first is second, nothing=nothing, again=again is not first)


CASES: dict[str, Case] = {
    case.__name__: case
    for case in (job_of_a_caller, job_of_a_callee, job_with_metadata, job_without_a_user, wrong_use)
}  # fmt: skip


async def main(name: str) -> dict[str, Any]:
    return await CASES[name]()


if __name__ == "__main__":
    run(main)
