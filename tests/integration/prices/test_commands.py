"""`prices`: the price catalog is listed and extended, all or nothing, never changed."""

from pathlib import Path

import asyncpg
import pytest

from ledger.postgres.database import connected
from tests.support.command import run_command

HEAD = "service,class,operation,model,unit,price_usd,per_units,effective_from,source\n"
NEW = (
    "twilio,api,voice,*,minutes,0.015,1,2031-01-01,price page\n"
    "whisper,api,transcribe,large,seconds,0.0001,1,2026-01-01,price page\n"
)


@pytest.fixture
def values(database_url: str) -> dict[str, str]:
    return {"DATABASE_URL": database_url}


async def rows(url: str) -> int:
    async with connected(url, name="test") as connection:
        return int(await connection.fetchval("SELECT count(*) FROM service_prices"))


def test_list_shows_prices_in_force(values: dict[str, str], tmp_path: Path) -> None:
    done = run_command("prices", "list", values=values, cwd=tmp_path)
    assert done.returncode == 0
    words = " ".join(done.stdout.split())
    assert "elevenlabs tts eleven_turbo_v2_5 characters $0.15 1,000" in words
    only = run_command("prices", "list", "--service", "stripe", values=values, cwd=tmp_path)
    assert only.stdout.count("in force") == only.stdout.count("stripe") == 2


def test_repeated_import_adds_nothing(values: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(HEAD + NEW)
    first = run_command("prices", "import", "new.csv", values=values, cwd=tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert "2 prices added, 0 existed already." in first.stdout
    again = run_command("prices", "import", "new.csv", values=values, cwd=tmp_path)
    assert "0 prices added, 2 existed already." in again.stdout
    listed = run_command("prices", "list", values=values, cwd=tmp_path).stdout
    assert "outbound_call" in listed
    assert "future" in listed
    assert "whisper" in listed


def test_large_change_of_a_file_waits_and_the_rest_is_added(
    values: dict[str, str], tmp_path: Path
) -> None:
    row = "whisper,api,transcribe,large,seconds,{},1,{},price page\n"
    (tmp_path / "new.csv").write_text(
        HEAD + row.format("0.0001", "2026-01-01") + row.format("0.0003", "2026-02-01")
    )
    for added, known in ((1, 0), (0, 1)):
        done = run_command("prices", "import", "new.csv", values=values, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"{added} prices added, {known} existed already." in done.stdout
        assert "Pending approval" in done.stdout
        assert "0.0003" in done.stdout
    approved = run_command("prices", "approve", "1", values=values, cwd=tmp_path)
    assert approved.returncode == 0
    again = run_command("prices", "import", "new.csv", values=values, cwd=tmp_path)
    assert "0 prices added, 2 existed already." in again.stdout


async def test_changed_price_is_refused_and_nothing_is_added(
    values: dict[str, str], tmp_path: Path
) -> None:
    before = await rows(values["DATABASE_URL"])
    changed = "call,revenue,charge,*,calls,5.99,1,2020-01-01,us\n"
    other_class = "stripe,api,payout,*,requests,0.25,1,2026-01-01,us\n"
    text = HEAD + NEW + changed + other_class
    done = run_command("prices", "import", "-", values=values, cwd=tmp_path, stdin=text.encode())
    assert done.returncode == 1
    assert "not imported at all" in done.stderr
    assert "the catalogue already has 4.99 per 1, not 5.99 per 1" in done.stderr
    assert "stripe is of class transaction" in done.stderr
    assert await rows(values["DATABASE_URL"]) == before


async def test_all_errors_of_a_file_are_reported_and_nothing_is_added(
    values: dict[str, str], tmp_path: Path
) -> None:
    before = await rows(values["DATABASE_URL"])
    text = HEAD + NEW + "a,api,b,*,miles,-1,1,2026-01-01,us\n,api,b,*,minutes,1,1,someday,us\n"
    done = run_command("prices", "import", "-", values=values, cwd=tmp_path, stdin=text.encode())
    assert done.returncode == 1
    for words in ("line 4: unit", "line 4: price_usd", "line 5: service", "line 5: effective"):
        assert words in done.stderr
    assert await rows(values["DATABASE_URL"]) == before


def test_csv_list_can_be_imported(values: dict[str, str], tmp_path: Path) -> None:
    csv = run_command("prices", "list", "--all", "--csv", values=values, cwd=tmp_path).stdout
    done = run_command("prices", "import", "-", values=values, cwd=tmp_path, stdin=csv.encode())
    assert done.stdout.startswith("0 prices added")


def test_author_of_a_price_is_stored(values: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "new.json").write_text(
        '[{"service": "openai", "operation": "inference", "model": "gpt-5", "unit": "tokens",'
        ' "price_usd": 1.25, "per_units": 1000000, "effective_from": "2026-01-01"}]'
    )
    words = ["prices", "import", "new.json", "--set-by", "carla"]
    assert run_command(*words, values=values, cwd=tmp_path).returncode == 0
    listed = run_command("prices", "list", "--service", "openai", values=values, cwd=tmp_path)
    assert "new.json" in listed.stdout


async def test_large_change_waits_for_approval(values: dict[str, str], tmp_path: Path) -> None:
    before = await rows(values["DATABASE_URL"])
    text = (HEAD + NEW.replace("0.015", "0.15")).encode()
    for _ in range(2):
        done = run_command("prices", "import", "-", values=values, cwd=tmp_path, stdin=text)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Pending approval:" in done.stdout
        assert "+971.43%" in done.stdout
    assert await rows(values["DATABASE_URL"]) == before + 1
    words = ["prices", "import", "-", "--approve"]
    done = run_command(*words, values=values, cwd=tmp_path, stdin=text)
    assert done.stdout.startswith("1 prices added, 1 existed already.")
    assert await rows(values["DATABASE_URL"]) == before + 2


async def test_prices_cannot_be_changed_or_removed(database_url: str) -> None:
    async with connected(database_url, name="test") as connection:
        for statement in (
            "UPDATE service_prices SET price_usd = 1",
            "UPDATE service_prices SET verified_at = now(), effective_from = now()",
            "DELETE FROM service_prices",
        ):
            with pytest.raises(asyncpg.RestrictViolationError):
                await connection.execute(statement)
