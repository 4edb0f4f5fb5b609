"""`follow` and `map try` as people run them; events go to the real intake routes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cost_analytics.configuration.secret import Secret
from cost_analytics.following.intake_client import IntakeClient, StoppedError
from tests.support.api import MemoryOwnerStore, served, token
from tests.support.command import COMMAND, environment
from tests.support.intake import MemoryEventStream

NOW = datetime.now(UTC).isoformat()
MAPPING = """
source = "/bots"
[[event]]
type = "call.refunded"
when = { "/kind" = "refund" }
time = "/ts"
callId = "/call"
amount = { at = "/cents", decimals = 2 }
"""


def line(call: str, cents: int = 100, kind: str = "refund") -> str:
    return json.dumps({"ts": NOW, "call": call, "cents": cents, "kind": kind})


@asynccontextmanager
async def served_intake() -> AsyncIterator[tuple[MemoryEventStream, dict[str, str]]]:
    """Serve the intake; yields the stream behind it, and the settings of `follow`."""
    stream = MemoryEventStream()
    async with served(events=stream, source_owners=MemoryOwnerStore()) as api:
        values = {
            "INTAKE_URL": f"http://127.0.0.1:{api.port}",
            "INTAKE_TOKEN": token("bots", role="service"),
        }
        yield stream, values


async def run(directory: Path, *words: str, **values: str) -> tuple[int, str]:
    """Run a command to its end; returns its exit code and all its output."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *words,
        cwd=directory,
        env=environment(values),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


def calls(stream: MemoryEventStream) -> list[str]:
    return [event.call_id for event in stream.decoded()]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "bot.toml").write_text(MAPPING)
    return tmp_path


async def test_file_is_read_once_and_wrong_lines_are_kept(directory: Path) -> None:
    lines = [line("a"), "oops", line("b", kind="debug"), line("c", cents=-1), line("d")]
    (directory / "bot.log").write_text("\n".join(lines))
    follow = ("follow", "bot.log", "--map", "bot.toml", "--once")
    async with served_intake() as (stream, values):
        code, output = await run(directory, *follow, **values)
        assert (code, calls(stream)) == (1, ["a", "d"])
        assert "5 lines read, 2 events sent, 1 lines ignored, 2 refused." in output
        refused = directory / ".bot.log.follow.json.refused.jsonl"
        rows = [json.loads(row) for row in refused.read_text().splitlines()]
        assert [(row["line"], row["text"]) for row in rows] == [(2, "oops"), (4, lines[3])]
        assert rows[1]["error"].endswith("It is from /cents.")
        assert refused.stat().st_mode & 0o777 == 0o600
        code, output = await run(directory, *follow, **values)
        assert (code, len(stream.events)) == (0, 2)
        assert "0 lines read" in output
        ids = [event.id for event in stream.decoded()]
        # A copy under another name has the same events.
        (directory / "copy.log").write_text("\n".join(lines))
        await run(directory, "follow", "copy.log", *follow[2:], **values)
        assert [event.id for event in stream.decoded()] == ids * 2


async def test_events_that_only_the_server_refuses_are_kept(directory: Path) -> None:
    (directory / "bot.log").write_text("\n".join([line("a"), line("b"), line("c"), ""]))
    refused_call = "b"

    async def answer(request: web.Request) -> web.Response:
        events = await request.json()
        if any(event["subject"] == refused_call for event in events):
            body = {"success": False, "code": "too_old", "error": "Too old."}
            return web.json_response(body, status=400)
        accepted.extend(event["subject"] for event in events)
        return accepting(events)

    accepted: list[str] = []
    async with serving(answer) as values:
        code, output = await run(
            directory, "follow", "bot.log", "--map", "bot.toml", "--once", **values
        )
    assert (code, sorted(accepted)) == (1, ["a", "c"])
    assert "line 2 is not sent: status 400 too_old: Too old." in output


def accepting(events: list[dict[str, Any]], status: int = 202) -> web.Response:
    """Return the answer of the intake to these events."""
    listed = [{"source": event["source"], "id": event["id"]} for event in events]
    return web.json_response({"success": True, "data": {"accepted": listed}}, status=status)


@asynccontextmanager
async def serving(answer: Any) -> AsyncIterator[dict[str, str]]:
    """Serve the address of the intake with a handler; yields the settings of `follow`."""
    application = web.Application()
    application.router.add_post("/api/costs/events", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield {"INTAKE_URL": f"http://127.0.0.1:{port}", "INTAKE_TOKEN": "cak_x"}
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_events_wait_while_the_server_is_busy(directory: Path, status: int) -> None:
    (directory / "bot.log").write_text(f"{line('a')}\n")
    statuses = [status, status, 202]

    async def answer(request: web.Request) -> web.Response:
        if len(statuses) == 1:
            return accepting(await request.json(), statuses.pop())
        return web.json_response({"success": False}, status=statuses.pop(0))

    async with serving(answer) as values:
        code, output = await run(
            directory, "follow", "bot.log", "--map", "bot.toml", "--once", **values
        )
    assert (code, statuses) == (0, []), output


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_wrong_token_ends_it_and_leaves_the_checkpoint(directory: Path, status: int) -> None:
    (directory / "bot.log").write_text(f"{line('a')}\n")

    async def answer(request: web.Request) -> web.Response:
        body = {"success": False, "code": "foreign_source", "error": "Another service."}
        return web.json_response(body, status=status)

    follow = ("follow", "bot.log", "--map", "bot.toml", "--once")
    async with serving(answer) as values:
        code, output = await run(directory, *follow, **values)
    assert code == 1
    assert f"status {status} foreign_source: Another service." in output
    async with served_intake() as (stream, values):
        assert (await run(directory, *follow, **values))[0] == 0
        assert calls(stream) == ["a"]


async def test_stop_ends_waiting_for_a_server() -> None:
    stop = asyncio.Event()
    async with IntakeClient("http://127.0.0.1:9", Secret("x"), stop) as client:
        sending = asyncio.create_task(client.send([b"{}"]))
        await asyncio.sleep(0.5)
        assert client.retries > 0
        stop.set()
        with pytest.raises(StoppedError):
            await sending


async def test_two_followers_of_a_file_exclude_each_other(directory: Path) -> None:
    (directory / "bot.log").touch()
    async with served_intake() as (stream, values):
        first = await asyncio.create_subprocess_exec(
            *COMMAND,
            "follow",
            "bot.log",
            "--map",
            "bot.toml",
            cwd=directory,
            env=environment(values),
        )
        try:
            state = directory / ".bot.log.follow.json"
            while not state.exists():
                await asyncio.sleep(0.05)
            code, output = await run(directory, "follow", "bot.log", "--map", "bot.toml", **values)
            assert code == 1
            assert "Another process follows with the checkpoint .bot.log.follow.json." in output
            with (directory / "bot.log").open("a") as log:
                log.write(f"{line('live')}\n")
            while not stream.events:
                await asyncio.sleep(0.05)
        finally:
            first.terminate()
            assert await first.wait() == 0
    assert calls(stream) == ["live"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no.log", "--once"], "There is no file no.log."),
        (["a.log", "b.log"], "Several files need a checkpoint with a name: --state FILE."),
        (["*.log"], "Several files need a checkpoint with a name: --state FILE."),
        (["a.log", "--state", "none/here"], "cannot be written"),
    ],
)
async def test_wrong_use_is_explained(directory: Path, words: list[str], message: str) -> None:
    values = {"INTAKE_URL": "http://127.0.0.1:9", "INTAKE_TOKEN": "x"}
    code, output = await run(directory, "follow", *words, "--map", "bot.toml", **values)
    assert code in {1, 2}
    assert message in output
    assert "Traceback" not in output


async def test_damaged_checkpoint_is_explained(directory: Path) -> None:
    (directory / "bot.log").touch()
    (directory / ".bot.log.follow.json").write_text("{")
    values = {"INTAKE_URL": "http://127.0.0.1:9", "INTAKE_TOKEN": "x"}
    code, output = await run(directory, "follow", "bot.log", "--map", "bot.toml", **values)
    assert code == 1
    assert "is damaged" in output


async def test_map_try_shows_what_would_be_sent(directory: Path) -> None:
    lines = [line("a"), "oops", line("b", kind="debug"), line("c", cents=-1)]
    (directory / "bot.log").write_text("\n".join(lines))
    code, output = await run(directory, "map", "try", "bot.toml", "bot.log")
    assert code == 1
    first, *others, summary, _ = output.splitlines()
    assert json.loads(first.removeprefix("line 1: "))["data"] == {"callId": "a", "amount": 1.00}
    assert others == [
        "line 2: refused: It is not JSON: invalid character (byte 0).",
        "line 3: no event",
        "line 4: refused: call.refunded: `amount` is negative. It is from /cents.",
    ]
    assert summary == "4 tried: 1 events, 1 without events, 2 refused."


async def test_map_try_reads_a_body_and_explains_a_wrong_map(directory: Path) -> None:
    body = [json.loads(line("a")), json.loads(line("b"))]
    (directory / "body.json").write_text(json.dumps(body, indent=2))
    code, output = await run(directory, "map", "try", "bot.toml", "body.json", "--body")
    assert (code, output.count("body: {")) == (0, 2)
    (directory / "wrong.toml").write_text(MAPPING.replace("/call", "call").replace("2 }", "99 }"))
    code, output = await run(directory, "map", "try", "wrong.toml", "body.json")
    assert code == 2
    assert output.startswith("cost-analytics: wrong.toml: call.refunded.amount.decimals must be")
