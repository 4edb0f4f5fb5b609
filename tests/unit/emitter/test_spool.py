"""What is in the spool is sent, whatever happened to the process that put it there."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cost_analytics_emitter import Emitter, SpoolInUseError
from cost_analytics_emitter import spool as spool_module
from cost_analytics_emitter.spool_files import encode_line
from tests.support.emitter_server import EmitterServer, accept, accept_silently, fail
from tests.support.house import ROOT
from tests.support.processes import wait_for

NOWHERE = "http://127.0.0.1:9"
SECONDS = 10


def emitter_of(url: str, spool: Path, **options: Any) -> Emitter:
    given = {"source": "/bot", "linger_seconds": 0.01, "timeout_seconds": 1, **options}
    return Emitter(url, "a-token", spool=spool, **given)


def report(emitter: Emitter, number: int) -> list[str]:
    call = emitter.existing_call("call-1", user="alice")
    return [call.usage("twilio", "voice_call", each, "minutes") for each in range(number)]


def leave_events(spool: Path, number: int) -> list[str]:
    """Leave events in a spool that no server accepted."""
    emitter = emitter_of(NOWHERE, spool)
    ids = report(emitter, number)
    assert not emitter.close(0.1)
    assert emitter.counters().pending == number
    return ids


def segments(spool: Path) -> list[Path]:
    return sorted(spool.glob("*.spool"))


def test_events_of_an_earlier_process_are_sent_with_their_ids(tmp_path: Path) -> None:
    ids = leave_events(tmp_path, 450)
    with EmitterServer() as server:
        emitter = emitter_of(server.url, tmp_path)
        new = report(emitter, 10)
        assert emitter.flush(SECONDS)
        counters = emitter.counters()
        assert (counters.replayed, counters.accepted, counters.sent) == (450, 10, 460)
        assert list(server.stored) == ids + new
        assert emitter.close()
    assert segments(tmp_path) == []


def test_done_events_are_not_sent_again(tmp_path: Path) -> None:
    """Of one segment a part is done: a line in it says how much."""
    with EmitterServer(accept, *[fail(503, "unavailable")] * 9) as server:
        emitter = emitter_of(server.url, tmp_path, linger_seconds=0.3)
        ids = report(emitter, 500)
        assert wait_for(lambda: emitter.counters().retried > 0, SECONDS)
        assert not emitter.close(0)
        assert list(server.stored) == ids[:200]
    with EmitterServer() as other:
        emitter = emitter_of(other.url, tmp_path)
        assert emitter.counters().replayed == 300
        assert emitter.flush(SECONDS)
        emitter.close()
        assert list(other.stored) == ids[200:]


BOT = """
import os, sys
from cost_analytics_emitter import Emitter
emitter = Emitter(sys.argv[1], "a-token", source="/bot", spool=sys.argv[2], linger_seconds=0.01)
call = emitter.existing_call("call-1", user="alice")
for number in range(int(sys.argv[3])):
    call.usage("twilio", "voice_call", 1, "minutes", event_id=f"cost-{number}")
os.kill(os.getpid(), 9)
"""


def run_bot(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={"PYTHONPATH": str(ROOT / "clients" / "python")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_killed_bot_loses_nothing(tmp_path: Path) -> None:
    """The bot is killed right after its last report, while its thread sends the first ones."""
    with EmitterServer(accept_silently) as server:
        assert run_bot(BOT, server.url, str(tmp_path), "3000").returncode == -9
        stored = len(server.stored)
        emitter = emitter_of(server.url, tmp_path)
        assert emitter.counters().replayed >= 3_000 - stored
        assert emitter.flush(SECONDS)
        emitter.close()
    assert server.stored.keys() == {f"cost-{number}" for number in range(3_000)}


def test_spool_has_one_owner(tmp_path: Path) -> None:
    emitter = emitter_of(NOWHERE, tmp_path)
    with pytest.raises(SpoolInUseError, match=f"in use by process {os.getpid()}"):
        emitter_of(NOWHERE, tmp_path)
    emitter.close(0)
    emitter_of(NOWHERE, tmp_path).close(0)


def test_done_segments_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 20_000)
    ids = leave_events(tmp_path, 1_000)
    assert len(segments(tmp_path)) > 15
    with EmitterServer() as server:
        emitter = emitter_of(server.url, tmp_path)
        assert emitter.flush(SECONDS)
        ids += report(emitter, 1_000)
        assert emitter.flush(SECONDS)
        assert list(server.stored) == ids
        [last] = segments(tmp_path)
        assert last.stat().st_size == 0
        emitter.close()


def test_damaged_lines_are_skipped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A flipped bit in a line, and a line that a power failure cut."""
    ids = leave_events(tmp_path, 10)
    [path] = segments(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b"twilio", b"twiliP")
    path.write_bytes(b"".join(lines)[:-20])
    with EmitterServer() as server:
        emitter = emitter_of(server.url, tmp_path)
        assert emitter.flush(SECONDS)
        report(emitter, 1)
        assert emitter.flush(SECONDS)
        counters = emitter.counters()
        emitter.close()
    assert (counters.replayed, counters.sent) == (8, 9)
    assert counters.dropped == {"damaged in the spool": 2}
    assert list(server.stored)[:8] == [one for one in ids if one not in (ids[4], ids[9])]
    assert caplog.text.count("damaged") == 2


@pytest.mark.parametrize("content", [b"\xff", b"{", b"7", b"[]", b'{"id": "1"}', b"[" * 60_000])
def test_lines_that_are_no_events_are_skipped_and_counted(tmp_path: Path, content: bytes) -> None:
    """Their checksums are right: another program, or another version, wrote them."""
    ids = leave_events(tmp_path, 3)
    with segments(tmp_path)[-1].open("ab") as file:
        file.write(encode_line(content))
    with EmitterServer() as server, emitter_of(server.url, tmp_path) as emitter:
        ids += report(emitter, 2)
        assert emitter.flush(SECONDS)
        assert emitter.close()
        counters = emitter.counters()
    assert list(server.stored) == ids
    assert counters.dropped == {"damaged in the spool": 1}
    assert counters.pending == 0


def test_deleted_files_are_counted_and_do_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 5_000)
    leave_events(tmp_path, 100)
    kept = max(segments(tmp_path)).read_bytes().count(b"twilio")
    with EmitterServer(fail(503, "unavailable", Retry_After="1")) as server:
        emitter = emitter_of(server.url, tmp_path)
        for path in segments(tmp_path)[1:-2]:
            path.unlink()
        report(emitter, 3)
        assert emitter.flush(SECONDS)
        counters = emitter.counters()
        emitter.close()
    assert kept + 3 < counters.sent < 60
    assert counters.dropped == {"missing in the spool": 103 - counters.sent}
    assert "are missing in the spool" in caplog.text


def test_full_spool_goes_on_in_memory(tmp_path: Path) -> None:
    with EmitterServer(fail(503, "unavailable")) as server:
        emitter = emitter_of(server.url, tmp_path, spool_bytes_max=5_000, memory_bytes_max=20_000)
        ids = report(emitter, 200)
        counters = emitter.counters()
        assert 20 < counters.accepted < 80
        assert counters.dropped == {"no room": 200 - counters.accepted}
        assert emitter.flush(SECONDS)
        assert server.stored.keys() == set(ids[: counters.accepted])
        emitter.close()


def test_refused_events_are_kept_in_a_file(tmp_path: Path) -> None:
    with EmitterServer(fail(400, "invalid_event")) as server:
        emitter = emitter_of(server.url, tmp_path)
        [refused] = report(emitter, 1)
        assert emitter.flush(SECONDS)
        emitter.close()
    kept = (tmp_path / "refused.jsonl").read_text()
    assert refused in kept
    assert "because of invalid_event" in kept


FORKING_BOT = """
import os, sys
from cost_analytics_emitter import Emitter
emitter = Emitter(sys.argv[1], "a-token", source="/bot", spool=sys.argv[2], linger_seconds=0.01)
call = emitter.existing_call("call-1", user="alice")
call.charge(1, event_id="before")
assert emitter.flush(10)
child = os.fork()
call.charge(1, event_id="parent" if child else "child")
assert emitter.flush(10)
assert not child or os.waitpid(child, 0)[1] == 0
"""


def test_forked_child_sends_its_own_events_only(tmp_path: Path) -> None:
    with EmitterServer() as server:
        done = run_bot(FORKING_BOT, server.url, str(tmp_path))
        sent = sorted(event["id"] for batch in server.received for event in batch)
    assert done.returncode == 0, done.stderr
    assert "make the emitter after the fork" in done.stderr
    assert sent == ["before", "child", "parent"]
