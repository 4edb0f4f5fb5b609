"""`prices`: the price catalogue is listed and extended, all or nothing, never changed."""

from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import asyncpg
import pytest

from ledger.postgres.database import connected
from tests.support.command import run_command
from tests.unit.prices.test_litellm import LIST as LITELLM

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
    text = HEAD + NEW + "a,api,b,*,air miles,-1,1,2026-01-01,us\n,api,b,*,minutes,1,1,someday,us\n"
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


def test_a_list_of_litellm_is_previewed_loaded_and_verified(
    values: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "prices.json"
    path.write_text(LITELLM)

    def load(*options: str) -> str:
        done = run_command("prices", "load", "litellm", *options, values=values, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        return str(done.stdout)

    preview = load("prices.json", "--dry-run")
    assert "15 prices of 7 models." in preview
    assert "1 rounded rates per second" in preview
    assert "0 would be verified, 14 added, 1 would need approval." in preview
    assert "-73.33%" in preview  # the default price of eleven_turbo_v2_5 is another one
    first = load("prices.json")
    assert "14 prices added, 0 verified." in first
    assert "-73.33%" in first
    assert "0 prices added, 14 verified." in load("prices.json")
    path.write_text(LITELLM.replace("1.25e-06", "2.5e-06"))
    assert "0 added, 2 would need approval" in load("prices.json", "--dry-run")
    assert "+100.00%" in load("prices.json", "--service", "gemini")
    listed = run_command("prices", "list", "--service", "gemini", values=values, cwd=tmp_path)
    assert "input_tokens (priority tier, above 200000 input tokens)" in listed.stdout
    assert "in force, retires 2036-12-01" in listed.stdout


def test_a_verified_price_takes_over_the_day_of_retirement(
    values: dict[str, str], tmp_path: Path
) -> None:
    head = f"{HEAD.strip()},retires_on,is_deprecated\n"
    row = "whisper,api,transcribe,large,seconds,0.0001,1,2026-01-01,price page,{}\n"

    def listed(retirement: str) -> str:
        (tmp_path / "new.csv").write_text(head + row.format(retirement))
        done = run_command("prices", "import", "new.csv", values=values, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        options = ("prices", "list", "--service", "whisper")
        return " ".join(run_command(*options, values=values, cwd=tmp_path).stdout.split())

    assert "in force, deprecated" in listed(",true")
    assert "in force, retires 2031-02-03" in listed("2031-02-03,")
    assert "in force, retires 2031-05-06" in listed("2031-05-06,true")
    assert "in force, retires 2031-05-06" in listed(",")
    exported = run_command(
        "prices", "list", "--service", "whisper", "--csv", values=values, cwd=tmp_path
    )
    assert exported.stdout.endswith(",2031-05-06,true\n")


def test_a_list_is_loaded_from_a_secure_url_only(values: dict[str, str], tmp_path: Path) -> None:
    def load(url: str) -> tuple[int, str]:
        done = run_command("prices", "load", "litellm", url, values=values, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    assert "The URL must be https." in load("http://example.com/prices.json")[1]
    (tmp_path / "prices.json").write_text(LITELLM)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert load(f"{url}/prices.json")[0] == 0
        code, output = load(f"{url}/nothing.json")
        assert code == 1
        assert "was not loaded: it answered with status 404." in output
        server.shutdown()


async def test_voice_list_is_previewed_loaded_and_confirms_known_prices(
    values: dict[str, str], tmp_path: Path
) -> None:
    def load(*options: str) -> str:
        words = ["prices", "load", "voice", *options]
        done = run_command(*words, values=values, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        return str(done.stdout)

    assert "prices of" in load("--service", "groq", "--dry-run")
    before = await rows(values["DATABASE_URL"])
    first = load("--service", "twilio")
    assert "0 verified." in first  # the built-in prices have no increments
    assert await rows(values["DATABASE_URL"]) > before
    assert "0 prices added" in load("--service", "twilio")
    listed = run_command(
        "prices", "list", "--service", "twilio", values=values, cwd=tmp_path
    ).stdout
    place = "https://www.twilio.com/en-us/voice/pricing/us"
    assert f"United States: local calls, to make calls, 2026-08-20, {place}" in listed
    assert "minutes (to +4479, billed in 60 s steps)" in listed
    waiting = load("--service", "elevenlabs")
    assert "-66.67%" in waiting  # of the built-in default
    misused = run_command("prices", "load", "voice", "x.csv", values=values, cwd=tmp_path)
    assert (misused.returncode, "voice is built in" in misused.stderr) == (2, True)
    cited = "SELECT source FROM service_prices WHERE source_date = $1 AND price_usd = 0.0158"
    line = "twilio,api,voice,*,minutes,0.0158,1,2026-08-02,{},60,60,+441,https://example.com,{}\n"
    columns = "minimum_seconds,increment_seconds,destination,source_url,source_date\n"
    text = HEAD.strip() + f",{columns}"
    older = line.format("an older page", "2026-08-01")
    newer = line.format("a newer page", "2026-10-01")
    for one in (newer, older):
        done = run_command(
            "prices", "import", "-", values=values, cwd=tmp_path, stdin=(text + one).encode()
        )
        assert "0 prices added, 1 existed already." in done.stdout
    async with connected(values["DATABASE_URL"], name="test") as connection:
        assert await connection.fetchval(cited, date(2026, 10, 1)) == "a newer page"
