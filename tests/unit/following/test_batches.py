"""Lines become events with stable ids; what is no line yet waits, what is wrong is kept."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from api.mapping.language import mapping_from_text
from cost_analytics.following.batches import LINE_BYTES_MAX, BatchReader, LineBatch
from cost_analytics.following.log_file import LogFile
from cost_analytics.following.positions import FilePosition, proof_of
from cost_analytics.following.tracking import TrackedFile

NOW = datetime.now(UTC).isoformat()
MAPPING = mapping_from_text("""
[[event]]
type = "call.refunded"
time = "/ts"
callId = "/call"
amount = "/usd"
when = { "/kind" = { not = "debug" } }
""")


def line(call: str, usd: object = 1, kind: str = "refund") -> str:
    return msgspec.json.encode({"ts": NOW, "call": call, "usd": usd, "kind": kind}).decode()


class Log:
    """A log that is read in batches."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self._reader = BatchReader(MAPPING, "/bots")
        file = LogFile(path)
        self.tracked = TrackedFile(file, FilePosition(str(path), *file.id), True, 0, 0)

    def write(self, content: bytes | str) -> None:
        with self.path.open("ab") as file:
            file.write(content.encode() if isinstance(content, str) else content)

    def read(self, *, takes_rest: bool = False, is_final: bool = False) -> LineBatch | None:
        batch = self._reader.next_batch(self.tracked, takes_rest=takes_rest, is_final=is_final)
        if batch is not None:
            self.tracked.position.advance(batch.offset, batch.line, batch.proof)
        return batch

    def read_all(self, **options: bool) -> LineBatch:
        batch = self.read(**options)
        assert batch is not None
        return batch


LogMaker = Callable[[str], Log]


@pytest.fixture
def make_log(tmp_path: Path) -> Iterator[LogMaker]:
    made: list[Log] = []

    def make(name: str) -> Log:
        made.append(Log(tmp_path / name))
        return made[-1]

    yield make
    for log in made:
        log.tracked.file.close()


@pytest.fixture
def log(make_log: LogMaker) -> Log:
    return make_log("bot.log")


def ids(batch: LineBatch) -> list[str]:
    return [msgspec.json.decode(event)["id"] for _, event in batch.events]


def calls(batch: LineBatch) -> list[str]:
    return [msgspec.json.decode(event)["subject"] for _, event in batch.events]


def test_half_written_line_waits_for_its_end(log: Log) -> None:
    log.write(line("a")[:30])
    assert log.read() is None
    assert log.read(takes_rest=True) is None
    log.write(f"{line('a')[30:]}\n{line('b')}")
    assert calls(log.read_all()) == ["a"]
    assert log.read() is None
    assert calls(log.read_all(takes_rest=True)) == ["b"]
    log.write("\n")
    assert log.read_all().ignored == 1


def test_ids_are_the_same_in_a_copy_and_different_in_each_line(
    log: Log, make_log: LogMaker
) -> None:
    log.write(f"{line('a')}\n{line('a')}\n{line('b')}\n")
    first = ids(log.read_all())
    assert len(set(first)) == 3
    copy = make_log("bot.log.7")
    copy.write(log.path.read_bytes())
    assert ids(copy.read_all()) == first
    other = make_log("other.log")
    other.write(f"{line('z')}\n{line('a')}\n{line('b')}\n")
    assert not {*ids(other.read_all())} & {*first}


def test_id_without_an_end_of_line_is_the_same(log: Log, make_log: LogMaker) -> None:
    log.write(f"{line('a')}\n{line('b')}")
    log.read_all()
    (with_rest,) = ids(log.read_all(takes_rest=True))
    whole = make_log("whole.log")
    whole.write(f"{line('a')}\n{line('b')}\n")
    assert ids(whole.read_all())[1] == with_rest


def test_wrong_lines_are_kept_with_number_and_reason(log: Log) -> None:
    log.write(f"{line('a')}\nnot json\n{line('b', kind='debug')}\n{line('', usd=2)}\n")
    log.write(line("c", usd=-1).encode() + b"\n\xff\n" + f"{line('d')}\n".encode())
    batch = log.read_all()
    assert calls(batch) == ["a", "d"]
    assert (batch.lines, batch.ignored, batch.line) == (7, 1, 7)
    assert [(one.line, one.error.split(":")[0]) for one in batch.refused] == [
        (2, "It is not JSON"),
        (4, "/call is missing"),
        (5, "call.refunded"),
        (6, "It is not JSON"),
    ]
    assert batch.refused[2].error.endswith("It is from /usd.")
    assert batch.refused[3].text == b"\xff"


def test_very_long_line_is_refused_and_the_next_one_is_read(log: Log) -> None:
    log.write(b'{"x": "' + b"x" * (LINE_BYTES_MAX + 10))
    assert log.read() is None
    log.write(b"x" * LINE_BYTES_MAX + f'"}}\n{line("a")}\n'.encode())
    (refused,) = log.read_all().refused
    assert refused.error.startswith("The line has 2097")
    assert calls(log.read_all()) == ["a"]
    assert log.read() is None


def test_long_line_within_the_limit_is_read(log: Log) -> None:
    wide = line("a")[:-1] + f', "text": "{"x" * (LINE_BYTES_MAX - 200)}"}}\n'
    log.write(wide + wide)
    assert calls(log.read_all()) == ["a"]
    assert calls(log.read_all()) == ["a"]


def test_rest_of_a_rotated_file_is_never_skipped(log: Log) -> None:
    log.write(f"{line('a')}\n{line('b')[:20]}")
    log.read_all()
    assert log.read(takes_rest=True) is None
    (refused,) = log.read_all(is_final=True).refused
    assert refused.line == 2
    assert "ends too soon" in refused.error


def test_nul_bytes_of_a_truncated_file_are_skipped(log: Log) -> None:
    """A program that does not append writes on at its old offset: zeros come before the line."""
    log.write(b"\0" * 500 + f"{line('a')}\n".encode())
    assert calls(log.read_all()) == ["a"]


def test_lines_of_a_file_that_was_replaced_are_not_used(log: Log) -> None:
    log.write(f"{line('a')}\n{line('b')}\n")
    log.read_all()
    position = log.tracked.position
    log.path.write_text("".join(f"{line(f'new-{number}')}\n" for number in range(9)))
    assert position.proof != proof_of(log.tracked.file, position.offset)
    assert log.read() is None


def test_batch_has_a_limit(log: Log) -> None:
    log.write("".join(f"{line(str(number))}\n" for number in range(450)))
    sizes = []
    while (batch := log.read()) is not None:
        sizes.append(len(batch.events))
    assert sizes == [200, 200, 50]
