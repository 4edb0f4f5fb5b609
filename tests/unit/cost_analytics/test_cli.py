"""The command line: help for each command, a fast start, and clear errors."""

import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from cost_analytics.cli import COMMANDS, main
from cost_analytics.commands.options import percent, utc_time, whole_number
from cost_analytics.configuration.variables import VARIABLES
from cost_analytics.failures import CommandError
from devkit.commands import simulate
from tests.support.command import COMMAND, environment, run_command

KEY = "a-key-of-more-than-thirty-two-bytes"
NOWHERE = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove all settings from the environment, in a directory without a running instance."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["dq"], "COMMAND: there is no 'dq'; did you mean dlq?"),
        (["dlq", "lst"], "there is no 'lst'; did you mean list?"),
        (["dlq", "list", "--lmit", "3"], "there is no option --lmit; did you mean --limit?"),
        (["dlq", "list", "--lmit=3"], "there is no option --lmit=3; did you mean --limit?"),
        (["token", "--user", "a", "--role", "admn"], "there is no 'admn'; did you mean admin?"),
        (["token", "--user", "a", "--role", "king"], "there is no 'king' (choose from "),
        (["dlq", "list", "--xyz"], "there is no option --xyz\n"),
    ],
)
def test_an_error_names_the_nearest_word(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert len(capsys.readouterr().out) > 300


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dance"],
        ["token"],
        ["token", "--user", "a", "--ttl", "0"],
        ["token", "--user", "a", "--role", "king"],
        ["dlq"],
        ["dlq", "list", "--code", "bad_mood"],
        ["prices", "import"],
        ["simulate", "--rate", "-1"],
        ["simulate", "--malformed", "101"],
        ["simulate", "--past-days", "0"],
        ["simulate", "--past-days", "367"],
        ["dev", "--port", "0"],
        ["keys", "revoke", "999999999999"],
        ["credits", "grant", "alice", "5", "--priority", "1001"],
        ["prices", "rerate", "--from", "0001-01-01T00:00:00+14:00"],
        ["simulate", "--start", "9999-12-31T23:59:59-14:00"],
    ],
)
def test_misuse_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "lacks"),
    [
        (["worker"], ["KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL"]),
        (["api"], ["KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "JWT_SECRET"]),
        (["migrate"], ["DATABASE_URL"]),
        (["verify"], ["DATABASE_URL"]),
        (["rebuild"], ["DATABASE_URL"]),
        (["token", "--user", "a"], ["JWT_SECRET"]),
        (["publish", "-"], ["KAFKA_BOOTSTRAP_SERVERS"]),
        (["simulate"], ["KAFKA_BOOTSTRAP_SERVERS"]),
        (["prices", "list"], ["DATABASE_URL"]),
        (["dlq", "list"], ["DATABASE_URL"]),
        (["dlq", "replay"], ["KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL"]),
    ],
)
def test_missing_settings_are_reported_together(
    words: list[str], lacks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(lacks)
    assert all(any(name in line for line in lines) for name in lacks)


AWAY = {
    "DATABASE_URL": f"postgresql://me:hidden-word@{NOWHERE}/db",
    "KAFKA_BOOTSTRAP_SERVERS": NOWHERE,
    "JWT_SECRET": KEY,
}


@pytest.mark.parametrize(
    "words", [["migrate"], ["verify"], ["rebuild"], ["prices", "list"], ["dlq", "list"], ["api"]]
)
def test_unreachable_database_is_reported(words: list[str], tmp_path: Path) -> None:
    done = run_command(*words, values=AWAY, cwd=tmp_path)
    assert done.returncode == 1
    assert f"PostgreSQL at {NOWHERE}: it cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hidden-word" not in done.stderr


@pytest.mark.parametrize("words", [["publish", "-"], ["simulate"], ["worker"]])
def test_unreachable_broker_is_reported(words: list[str], tmp_path: Path) -> None:
    done = run_command(*words, values=AWAY, cwd=tmp_path, stdin=b"{}")
    assert done.returncode == 1
    assert f"Kafka at {NOWHERE}: it cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_token_command_prints_only_the_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JWT_SECRET", KEY)
    assert main(["token", "--user", "alice"]) == 0
    captured = capsys.readouterr()
    assert captured.out.count(".") == 2
    assert captured.out.count("\n") == 1
    assert captured.err == ""


def test_missing_file_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", NOWHERE)
    assert main(["publish", "missing.jsonl"]) == 1
    assert "missing.jsonl cannot be read" in capsys.readouterr().err


def test_closed_output_is_not_an_error(tmp_path: Path) -> None:
    command = f"{' '.join(COMMAND)} simulate --rate 0 --out - | head -c 100"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env=environment({}),
        timeout=60,
    )
    assert len(done.stdout) == 100
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from cost_analytics.cli import main\n"
        "try: main(['token', '--help'])\n"
        "except SystemExit: print([name for name in ('aiokafka', 'asyncpg', 'jwt', 'aiohttp')"
        " if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        env=environment({}),
        text=True,
        timeout=60,
    )
    assert done.stderr.strip() == "[]"


def test_invalid_arguments_are_refused() -> None:
    assert percent("1.25") == 125
    assert percent("100") == 10_000
    assert utc_time("2026-01-31").isoformat() == "2026-01-31T00:00:00+00:00"
    assert utc_time("2026-01-31T01:00:00+01:00").isoformat() == "2026-01-31T00:00:00+00:00"
    assert whole_number(1, 5)("5") == 5


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (["grant", "alice", "1_000"], "USD must be a number above 0"),
        (["grant", "alice", "\u0663"], "USD must be a number above 0"),
        (["grant", "alice", "1e-10"], "with at most 9 decimals"),
        (["grant", "alice", "1e999999999"], "at most 1000000000"),
        (["grant", "alice", "5", "--id", ""], "--id must not be empty"),
        (["grant", "", "5"], "USER must not be empty"),
        (["void", "", "/billing", "top-up", "--reason", "Paid twice"], "USER must not be empty"),
    ],
)
def test_credit_that_could_be_misread_is_refused(
    words: list[str],
    result: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", NOWHERE)
    assert main(["credits", *words]) == 1
    assert result in capsys.readouterr().err


def test_endless_calls_need_a_rate() -> None:
    arguments = Namespace(calls=0, rate=0, out=None)
    with pytest.raises(CommandError, match="never ends"):
        simulate.run(arguments)


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (["--calls", "0", "--rate", "6"], "--past-days needs a number of --calls"),
        (["--start", "2099-01-01"], "45 days after --start are not over"),
        (["--start", "2020-01-01"], "--start is more than 398 days ago"),
    ],
)
def test_impossible_past_is_refused(
    words: list[str],
    result: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", NOWHERE)
    assert main(["simulate", "--past-days", "45", *words]) == 2
    assert result in capsys.readouterr().err


def test_announced_arguments_reproduce_the_past(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["simulate", "--calls", "9", "--rate", "0", "--past-days", "3", "--out"]
    assert main([*words, "one"]) == 0
    announced = capsys.readouterr().err.split("to repeat: ")[1].splitlines()[0].split()
    assert announced[-2:] == ["--past-days", "3"]
    assert main(["simulate", *announced, "--out", "two"]) == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() != b""
