"""Files are recognized by their content: rotated, copied, compressed and truncated ones."""

import gzip
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cost_analytics.following.positions import FilePosition, proof_of
from cost_analytics.following.state_file import Checkpoint
from cost_analytics.following.tracking import QUIET_SECONDS, Tracker

LINES = [f'{{"n": {number}, "pad": "{"x" * 40}"}}' for number in range(100)]
HEADER = "the bot has started\n"


class Reader:
    """Reads lines through a tracker and remembers its positions as a checkpoint does."""

    def __init__(self, directory: Path, *patterns: str, from_start: bool = True) -> None:
        self._patterns = [str(directory / pattern) for pattern in patterns or ("bot.log",)]
        self._stored: list[FilePosition] = []
        self.now = 0.0
        self.lines: list[str] = []
        self.lost: list[int] = []
        self.tracker = Tracker(self._patterns, None, from_start=from_start)

    def restart(self) -> None:
        """Go on from the checkpoint, as after `kill -9`."""
        self.tracker.close()
        checkpoint = Checkpoint(self.tracker.since, [replace(one) for one in self._stored])
        self.tracker = Tracker(self._patterns, checkpoint, from_start=True)

    def read(self, *, seconds: float = 0) -> list[str]:
        """Read what is new in all files, and return it."""
        self.now += seconds
        self.tracker.scan(self.now)
        self.lost += [one.offset for one in self.tracker.take_lost(at_once=False, now=self.now)]
        before = len(self.lines)
        for tracked in self.tracker.files:
            position, file = tracked.position, tracked.file
            content = file.read_at(position.offset, file.size())
            whole = content[: content.rfind(b"\n") + 1]
            end = position.offset + len(whole)
            position.advance(end, position.line + whole.count(b"\n"), proof_of(file, end) or "")
            self.lines += whole.decode().splitlines()
        self._stored = [replace(one) for one in self.tracker.positions()]
        return self.lines[before:]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "bot.log"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    yield reader
    reader.tracker.close()


def append(log: Path, *lines: str) -> None:
    with log.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


@pytest.mark.parametrize("is_down", [False, True])
def test_renamed_log_is_read_to_its_end(log: Path, reader: Reader, is_down: bool) -> None:
    append(log, *LINES[:10])
    assert reader.read() == LINES[:10]
    append(log, *LINES[10:20])
    log.rename(f"{log}.1")
    append(log, *LINES[20:30])
    append(log.with_name("bot.log.1"), "late")
    if is_down:
        reader.restart()
    assert sorted(reader.read()) == sorted([*LINES[10:30], "late"])
    assert reader.read(seconds=60) == []
    assert reader.lost == []


@pytest.mark.parametrize("is_down", [False, True])
@pytest.mark.parametrize("grown", [False, True])
def test_copied_and_truncated_log_is_read_once(
    log: Path, reader: Reader, is_down: bool, grown: bool
) -> None:
    append(log, *LINES[:10])
    assert reader.read() == LINES[:10]
    append(log, *LINES[10:20])
    shutil.copyfile(log, f"{log}.1")
    os.truncate(log, 0)
    append(log, *(LINES[20:60] if grown else LINES[20:25]))
    if is_down:
        reader.restart()
    expected = LINES[10:60] if grown else LINES[10:25]
    found = reader.read() + reader.read()
    assert sorted(found) == sorted(expected)
    assert reader.read(seconds=60) == []
    assert reader.lost == []


def test_copy_beside_the_log_is_not_read_again(log: Path, reader: Reader) -> None:
    append(log, *LINES[:10])
    assert reader.read() == LINES[:10]
    content = log.read_bytes()
    for size in (100, len(content)):  # while it is being copied, and afterwards
        log.with_name("bot.log.1").write_bytes(content[:size])
        assert reader.read() == []
    append(log, *LINES[10:20])
    assert reader.read() == LINES[10:20]
    reader.restart()
    assert reader.read() == []


@pytest.mark.parametrize("is_down", [False, True])
def test_compressed_log_is_read_to_its_end(log: Path, reader: Reader, is_down: bool) -> None:
    append(log, *LINES[:10])
    assert reader.read() == LINES[:10]
    append(log, *LINES[10:20])
    with gzip.open(f"{log}.1.gz", "wb") as packed:
        packed.write(log.read_bytes())
    log.unlink()
    append(log, *LINES[20:30])
    if is_down:
        reader.restart()
    found = reader.read()
    for _ in range(3):
        found += reader.read(seconds=QUIET_SECONDS)
    assert sorted(found) == sorted(LINES[10:30])
    assert reader.lost == []


def test_log_while_it_is_compressed_is_not_damaged(log: Path, reader: Reader) -> None:
    append(log, *LINES)
    packed = gzip.compress(log.read_bytes())
    log.with_name("bot.log.1.gz").write_bytes(packed[: len(packed) // 2])
    assert reader.read() == LINES
    log.with_name("bot.log.1.gz").write_bytes(packed)
    assert reader.read() == []


def test_logs_that_begin_alike_are_told_apart(log: Path, reader: Reader) -> None:
    """A new log of which only the header is written looks like a copy of the old one."""
    append(log, HEADER.strip(), *LINES[:10])
    reader.read()
    log.rename(f"{log}.1")
    log.write_text(HEADER)
    assert reader.read() == []
    append(log, *LINES[10:20])
    assert reader.read() == [HEADER.strip(), *LINES[10:20]]
    log.rename(f"{log}.2")
    log.write_text(HEADER)
    reader.restart()
    append(log, *LINES[20:90])
    assert reader.read() == [HEADER.strip(), *LINES[20:90]]


def test_truncated_log_without_a_copy_is_reported_once(log: Path, reader: Reader) -> None:
    append(log, *LINES[:10])
    reader.read()
    size = log.stat().st_size
    os.truncate(log, 0)
    append(log, LINES[50])
    assert reader.read() == [LINES[50]]
    assert reader.lost == []  # a copy may still appear
    reader.read(seconds=QUIET_SECONDS)
    reader.restart()
    reader.read(seconds=QUIET_SECONDS)
    assert reader.lost == [size]


def test_log_that_was_removed_without_a_follower_is_reported(log: Path, reader: Reader) -> None:
    append(log, *LINES[:10])
    reader.read()
    size = log.stat().st_size
    log.unlink()
    reader.restart()
    assert reader.read() == []
    assert reader.lost == [size]


def test_rotated_log_that_was_read_may_be_removed(log: Path, reader: Reader) -> None:
    append(log, *LINES[:10])
    reader.read()
    log.rename(f"{log}.1")
    append(log, *LINES[10:20])
    reader.read()
    reader.read(seconds=QUIET_SECONDS)
    log.with_name("bot.log.1").unlink()
    reader.restart()
    assert reader.read(seconds=60) == []
    assert reader.lost == []


def test_first_start_begins_at_the_end(log: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path, from_start=False)
    append(log.with_name("bot.log.1"), *LINES[:5])
    append(log, *LINES[5:10])
    with log.open("a") as file:
        file.write(LINES[10][:20])
    assert reader.read() == []
    with log.open("a") as file:
        file.write(f"{LINES[10][20:]}\n")
    assert reader.read() == [LINES[10]]
    assert [tracked.position.line for tracked in reader.tracker.files] == [5, 6]
    log.rename(f"{log}.2")
    append(log, *LINES[11:20])
    assert reader.read() == LINES[11:20]
    reader.tracker.close()


def pack(path: Path, lines: list[str], *, last_line_at: int) -> None:
    """Write a compressed log with the time of its last line, as gzip does."""
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    os.utime(path, (last_line_at, last_line_at))


def test_compressed_history_is_only_read_from_the_start(log: Path, tmp_path: Path) -> None:
    now = int(time.time())
    history, missed = log.with_name("bot.log.2.gz"), log.with_name("bot.log.1.gz")
    pack(history, LINES[:5], last_line_at=now - 3_600)
    append(log, *LINES[5:10])
    reader = Reader(tmp_path, from_start=False)
    assert reader.read() == []
    append(log, *LINES[10:20])
    assert reader.read() == LINES[10:20]
    # Two rotations without a follower: the older log is known, the newer one is not.
    log.rename(f"{log}.3")
    pack(missed, LINES[20:30], last_line_at=now + 60)
    append(log, *LINES[30:40])
    reader.restart()
    assert sorted(reader.read()) == sorted(LINES[20:40])
    reader.restart()
    assert reader.read(seconds=60) == []
    reader.tracker.close()
    whole = Reader(tmp_path)
    assert sorted(whole.read()) == sorted(LINES[:40])
    whole.tracker.close()


def test_pattern_finds_new_logs(tmp_path: Path) -> None:
    reader = Reader(tmp_path, "*.log")
    append(tmp_path / "a.log", *LINES[:5])
    append(tmp_path / "b.log", *LINES[:5])
    # Two logs with the same content are a log and its copy.
    assert reader.read() == LINES[:5]
    append(tmp_path / "b.log", *LINES[5:10])
    assert reader.read() == LINES[:10]
    append(tmp_path / "c.log", *LINES[20:30])
    assert reader.read() == LINES[20:30]
    reader.tracker.close()
