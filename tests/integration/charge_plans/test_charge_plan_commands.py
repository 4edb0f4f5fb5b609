"""`charge-plans`: plans are listed and added, all or nothing, never changed."""

from pathlib import Path

import pytest

from tests.support.charge_plans import SamplePlan, enter_plans
from tests.support.command import run_command

PLANS = """\
kind,effective_from,user_id,tag_key,tag_value,amount_usd,minimum_seconds,increment_seconds,included_minutes,markup_percent
per_minute,2026-01-01,,,,0.35,60,60,1,
cost_plus,2040-01-01T12:00:00Z,ann,,,0.10,,,,25
default,2026-01-01,,campaign,spring,,,,,
"""


@pytest.fixture
def values(database_url: str) -> dict[str, str]:
    return {"DATABASE_URL": database_url}


def test_a_repeated_import_adds_nothing(values: dict[str, str], tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = run_command("charge-plans", *words, values=values, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        return " ".join(done.stdout.split())

    (tmp_path / "plans.csv").write_text(PLANS)
    assert "calls have the default price" in run("list")
    dry = run("import", "plans.csv", "--dry-run")
    assert dry.startswith("3 charge plans would be added, 0 existed already.")
    assert "user ann Cost plus 25% and $0.10 2040-01-01T12:00:00Z new plans.csv" in dry
    assert run("import", "plans.csv") == "3 charge plans added, 0 existed already."
    assert run("import", "plans.csv") == "0 charge plans added, 3 existed already."
    listed = run("list")
    per_minute = "$0.35 per minute, at least 60 s, in 60 s steps, 1 min included"
    assert f"all calls {per_minute} 2026-01-01 in force plans.csv" in listed
    assert "tag campaign=spring Default price" in listed
    (tmp_path / "again.csv").write_text(
        run_command("charge-plans", "list", "--csv", values=values, cwd=tmp_path).stdout
    )
    assert run("import", "again.csv") == "0 charge plans added, 3 existed already."


async def test_a_file_with_an_error_adds_nothing(
    database_url: str, values: dict[str, str], tmp_path: Path
) -> None:
    await enter_plans(database_url, SamplePlan("per_call", "1"))
    bad = {
        "per_call,2020-01-01,2": "another plan of the same scope and time",
        "per_call,2026-01-01,": "line 3: A plan of the kind per_call needs amount_usd.",
        "per_call,2026-01-01,1e-10": "line 3: amount_usd must be a number from 0 to 1000000 with",
        "per_day,2026-01-01,1": "line 3: kind must be one of per_call, per_minute, cost_plus,",
        "ended,2026-01-01,1": "line 3: A plan of the kind ended has no amount_usd.",
        "default,yesterday,": "line 3: effective_from must be a day or a time like",
        "default,2026-01-01": "line 3: The row has 2 columns, the first line has 3.",
    }
    for line, message in bad.items():
        text = f"kind,effective_from,amount_usd\nper_call,2027-01-01,3\n{line}\n"
        done = run_command(
            "charge-plans", "import", "-", values=values, cwd=tmp_path, stdin=text.encode()
        )
        assert (done.returncode, message in done.stderr) == (1, True), done.stderr
    listed = run_command("charge-plans", "list", "--all", values=values, cwd=tmp_path).stdout
    assert listed.count("per call") == 1
    no_kind = run_command(
        "charge-plans", "import", "-", values=values, cwd=tmp_path, stdin=b"amount_usd\n1\n"
    )
    assert "effective_from, kind missing" in no_kind.stderr
