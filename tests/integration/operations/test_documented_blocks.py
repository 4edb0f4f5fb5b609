"""Each shell block of the documents runs unchanged in a test, or the reason why not stands here."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

from tests.integration.archives.test_archiving import calls, record
from tests.support.archives import archive
from tests.support.background_loop import BackgroundLoop
from tests.support.compose import FILE
from tests.support.databases import DatabaseCloner
from tests.support.documented import run_block
from tests.support.documented_commands import blocks
from tests.support.house import ROOT
from tests.support.logins import as_login
from tests.unit.prices.test_litellm import LIST as LITELLM

NETWORK: Final = "reads from a host outside"
PACKAGES: Final = "installs packages from a registry"
RUN: Final[Mapping[str, Mapping[str, str]]] = {
    "README.md: .venv/bin/cost-analytics verify": {"make test": "runs this test"},
    "README.md: mkdir -m 700 secrets": {"docker compose up": "needs a container engine"},
    "clients/python/README.md: pip install ./clients/python": {"pip install": PACKAGES},
    "clients/typescript/README.md: tools/web client pack": {
        "tools/web client pack": "runs in tests/integration/clients/test_typescript.py",
        "npm install": "runs in tests/integration/clients/test_typescript.py",
    },
    "docs/adr/0005-where-the-sample-figures-contradict.md: python3 - <<'SUM'": {},
    "docs/charge-plans.md: cost-analytics charge-plans list --all": {},
    "docs/clients/python.md: pip install './clients/python[reading]'": {"pip install": PACKAGES},
    "docs/finops.md: cost-analytics export --format focus --from 2026-11 --to-dir exports": {},
    'docs/integrations/any-http-service.md: cost-analytics webhooks create mapped --name "Shop" --map shop.toml': {},
    'docs/integrations/litellm.md: cost-analytics webhooks create litellm --name "LiteLLM, production"': {},
    "docs/integrations/livekit.md: pip install './clients/python[livekit]'": {"pip install": PACKAGES},
    "docs/integrations/logs.md: cost-analytics keys create --service bots --scope ingest >key": {
        "cost-analytics map try bot.toml /var/log": "reads a log of the machine",
        "INTAKE_URL=": "follows a log without end; runs in tests/faults/test_followed_logs.py",
    },
    "docs/integrations/logs.md: cost-analytics map try examples/maps/bot.toml examples/maps/bot.log": {},
    "docs/integrations/opentelemetry.md: export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:8080/v1/traces": {},
    "docs/integrations/pipecat.md: pip install './clients/python[pipecat]'": {"pip install": PACKAGES},
    'docs/integrations/webhooks.md: cost-analytics webhooks create vapi --name "Vapi, production"': {},
    "docs/operations.md: cost-analytics verify": {},
    "docs/operations.md: cost-analytics gaps list": {
        "kcat": "runs in tests/contract/test_gaps.py, with Kafka",
        "cost-analytics gaps close": "runs in tests/contract/test_gaps.py, with Kafka",
    },
    "docs/people.md: cost-analytics user export alice --to alice.jsonl --archive archive": {},
    "docs/prices.md: cost-analytics prices list": {
        "cost-analytics prices refresh": "runs in tests/integration/prices/test_refresh.py, with sources",
        "cost-analytics prices approve 7": "needs a proposal",
    },
    "docs/prices.md: cost-analytics prices alias add openai our-deployment gpt-4-turbo": {},
    "docs/prices.md: pip install 'cost-analytics[genai-prices]'": {
        "pip install": PACKAGES,
        "cost-analytics prices load genai-prices --update": NETWORK,
        "cost-analytics prices load genai-prices data.json": "runs in tests/integration/prices/test_genai_prices.py",
    },
    "docs/prices.md: cost-analytics prices load litellm prices.json --service openai --service deepgram --dry-run": {
        "cost-analytics prices load litellm https": NETWORK,
    },
}  # fmt: skip
"""Blocks that run here, and the lines of them that do not, with the reason."""

ELSEWHERE: Final = {
    "README.md: make run": "tests/integration/devkit/test_dev.py",
    "README.md: curl -H": "tests/integration/devkit/test_dev.py",
    "docs/control.md: curl": "tests/unit/house/test_documented_commands.py",
    "docs/finops.md: export AWS_ENDPOINT_URL": "tests/integration/finops/test_focus_upload.py",
    "docs/integrations/python.md: make demo": "tests/integration/devkit/test_demo.py",
    "docs/notifications.md: curl": "tests/unit/house/test_documented_commands.py",
    "docs/operations.md: cost-analytics backup": "tests/faults/test_restore_drill.py",
    "docs/operations.md: createdb": "tests/faults/test_restore_drill.py",
    "docs/people.md: cost-analytics user erase": "tests/integration/people/test_user_command.py",
    "docs/api.md: ": "tests/unit/house/test_documented_commands.py",
}
"""The beginnings of other blocks, and the tests of the same commands or, for requests, of their routes and bodies."""

NOT_RUN: Final = {
    "charts/cost-analytics/README.md: kubectl": "needs a Kubernetes cluster",
    "charts/cost-analytics/README.md: helm": "needs a Kubernetes cluster; tests/unit/chart renders it",
    "docs/anomalies.md: .venv/bin/python -m bench": "a benchmark of minutes",
    "docs/forecasts.md: make forecast": "a benchmark of minutes, with 570 MB of packages",
    "docs/notifications.md: .venv/bin/python -u": "serves until it is stopped",
    "docs/notifications.md: SMTP_URL=": "serves until it is stopped",
    "docs/prices.md: pip download": PACKAGES,
}
"""The beginnings of blocks that no test runs, with the reason."""

PLANS: Final = """\
kind,amount_usd,user_id,effective_from
per_call,3.99,alice,2026-01-01
"""

BLOCKS: Final = {block.title: block for block in blocks()}


def test_each_block_runs_or_has_a_reason() -> None:
    assert RUN.keys() <= BLOCKS.keys()
    others = {**ELSEWHERE, **NOT_RUN}
    for title in BLOCKS.keys() - RUN.keys():
        assert any(map(title.startswith, others)), f"{title} runs in no test; add it to RUN"
    for beginning in others:
        assert any(title.startswith(beginning) for title in BLOCKS), f"{beginning} is in no page"
    assert all((ROOT / path).is_file() for path in ELSEWHERE.values())


def runnable(title: str) -> str:
    """Return a block without the lines that do not run here; each of those must exist."""
    text, without = BLOCKS[title].text, RUN[title]
    lines = text.replace("\\\n", " ").splitlines()
    for beginning in without:
        assert any(line.lstrip().startswith(beginning) for line in lines), beginning
    return "\n".join(line for line in lines if not line.lstrip().startswith(tuple(without)))


@pytest.fixture(scope="module")
def database(databases: DatabaseCloner) -> Iterator[str]:
    with databases.clone() as url:
        yield url


@pytest.fixture(scope="module")
def directory(
    background: BackgroundLoop, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A directory with what the documents assume: costs of alice, an archive, files of their names."""
    folder, events = tmp_path_factory.mktemp("documents"), calls()
    for event in events:
        data = event["data"]
        data |= {"userId": "alice"} if "userId" in data else {}
    background.run(record(database, events))
    (folder / "exports").mkdir()
    background.run(archive(database, folder / "archive"))
    for name in (".venv", "examples"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "prices.json").write_text(LITELLM)
    (folder / "plans.csv").write_text(PLANS)
    (folder / "aliases.csv").write_text("service,alias,model\nopenai,batch,gpt-4-turbo\n")
    shop = ROOT / "docs" / "integrations" / "any-http-service.md"
    mapping = shop.read_text().partition("```toml\n")[2].partition("```")[0]
    (folder / "shop.toml").write_text(dedent(mapping))
    run_block("cost-analytics prices list --csv >prices.csv", values(database), folder)
    return folder


def values(database: str) -> dict[str, str]:
    return {
        "DATABASE_URL": as_login(database, "operator"),
        "JWT_SECRET": "a-secret-of-the-tests-with-many-characters",
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("title", RUN)
def test_block_runs_unchanged(title: str, database: str, directory: Path) -> None:
    run_block(runnable(title), values(database), directory)
    if "secrets" in title:
        wanted = {Path(secret["file"]).name for secret in FILE["secrets"].values()}
        assert {path.name for path in (directory / "secrets").iterdir()} == wanted
    if "finops" in title:
        assert len(list((directory / "exports").iterdir())) == 2
