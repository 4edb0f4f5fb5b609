"""The documents agree with the code: links are valid, and named things exist."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast, get_args

import pytest

from api.app import build_app
from api.http.access import ROUTES, Route
from cost_analytics.cli import COMMANDS
from cost_analytics.configuration.variables import VARIABLES
from ledger.operations.retention import SUBJECTS
from ledger.postgres.pool import Pool
from ledger.postgres.viewers import ReaderPool
from schemas.commands import CommandOutcome
from schemas.events import RESERVED_SOURCES
from schemas.refusals import REFUSAL_CODES
from schemas.topics import ALL_TOPICS
from streams.metrics.attempts import DeliveryOutcome
from tests.support.api import authenticator
from tests.support.house import PACKAGES, ROOT, modules

PAGES: Final = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "clients/*/*.md", "docs/**/*.md")
    for path in ROOT.glob(pattern)
)
TOP: Final = (
    *PACKAGES, "bench", "clients", "docs", "examples", "observability", "requirements", "tests", "tools", "web",
)  # fmt: skip
README_LINES_MAX: Final = 150

_LINK: Final = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?[^)]*\)")
"""A link's path, empty for the same page, and its anchor."""
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE: Final = re.compile(r"`([^`\n]+)`")
_FENCED: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_COMMAND: Final = re.compile(r"cost-analytics ([a-z]+(?:-[a-z]+)*)\b")
_SETTING: Final = re.compile(
    r"\b((?:KAFKA|JWT|API|WORKER|LOG|CORS|BUDGET|LIMIT|DATABASE|SMTP|SMS|WEBHOOK)_[A-Z_]+)\b"
)


BUILT = {"api/static"}
"""Files that exist only after `tools/web build`."""


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def paths_in(page: str) -> Iterator[str]:
    """Yield texts in backticks, or in diagrams, that look like files of this project."""
    text = text_of(page)
    words = [word for code in _CODE.findall(text) for word in code.split()]
    diagrams = [path for path, _ in _LINK.findall(text) if path.endswith(".svg")]
    drawn = [(ROOT / page).with_name(path).read_text(encoding="utf-8") for path in diagrams]
    words += re.findall(r"[a-z_]+/[a-z_/]+\.py", "".join(_FENCED.findall(text) + drawn))
    for word in words:
        path = word.rstrip(",.:;")
        if path.split("/")[0] in TOP and "/" in path and "NNNN" not in path:
            yield path


def anchors_of(text: str) -> set[str]:
    """Return the anchors that GitHub gives the headings."""
    titles = [re.sub(r"\]\([^)]*\)", "", title) for title in _HEADING.findall(text)]
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_links_are_valid(page: str) -> None:
    for path, anchor in _LINK.findall(_FENCED.sub("", text_of(page))):
        if path.startswith("http"):
            continue
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), path
        if anchor:
            text = _FENCED.sub("", target.read_text(encoding="utf-8"))
            assert anchor in anchors_of(text), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_named_files_exist(page: str) -> None:
    missing = [path for path in paths_in(page) if not list(ROOT.glob(path.rstrip("/")))]
    assert set(missing) <= BUILT


@pytest.mark.parametrize("page", PAGES)
def test_named_commands_and_settings_exist(page: str) -> None:
    text = text_of(page)
    code = "\n".join([*_CODE.findall(text), *_FENCED.findall(text)])
    assert set(_COMMAND.findall(code)) <= COMMANDS.keys()
    others = {"KAFKA_CLUSTER_ID"}
    assert set(_SETTING.findall(code)) <= VARIABLES.keys() | others


def test_every_command_is_listed() -> None:
    page = text_of("docs/commands.md")
    named = {code.split()[0] for code in _CODE.findall(page) if not code.startswith("make")}
    assert named - {"cost-analytics"} >= COMMANDS.keys()


def test_readme_is_short() -> None:
    assert len(text_of("README.md").splitlines()) < README_LINES_MAX


def test_every_route_is_listed() -> None:
    section = text_of("docs/api.md").split("## Routes")[1].split("\n## ")[0]
    for route in build_app(ReaderPool(cast(Pool, None)), authenticator())[ROUTES]:
        assert _is_heading_of(route, section), f"{route.method} {route.path}"


def _is_heading_of(route: Route, section: str) -> bool:
    lines = [
        line for line in section.splitlines() if re.search(rf"{re.escape(route.path)}\W", line)
    ]
    return any(route.method in line for line in lines)


def test_functions_named_in_the_architecture_exist() -> None:
    """Each `name` in `file.py` of the table of questions is a function of that file."""
    section = (
        text_of("docs/architecture.md").split("## Where to find the code")[1].split("\n## ")[0]
    )
    responses = re.findall(r"`(\w+)` in `([\w/]+\.py)`", section)
    assert len(responses) >= 4
    for name, path in responses:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        functions = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert name in functions, f"{name} in {path}"


def test_the_architecture_lists_every_table() -> None:
    """`grants.sql` has a row for each table; its views come after them."""
    tables, _, views = text_of("ledger/postgres/grants.sql").partition("-- Views")
    assert views
    names = re.findall(r"^    \('(\w+)',", tables, re.MULTILINE)
    page = text_of("docs/architecture.md")
    assert len(names) > 50
    assert [name for name in names if f"`{name}`" not in page] == []


def test_readme_lists_the_folders_of_the_ledger_by_layer() -> None:
    """A folder stands above those on which it builds, as the import contract orders them."""
    contracts = tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    [layers] = [one["layers"] for one in contracts if one.get("containers") == ["ledger"]]
    layer_of = {name: number for number, row in enumerate(layers) for name in row.split(" | ")}
    table = text_of("README.md").partition("Inside `ledger/`")[2].partition("\n## ")[0]
    listed = re.findall(r"`(\w+)/`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))
    assert sorted(listed) == sorted(layer_of)
    assert listed == sorted(listed, key=layer_of.__getitem__)


def test_operations_and_events_explain_every_refusal() -> None:
    for page in ("docs/events.md", "docs/operations.md"):
        for code in REFUSAL_CODES:
            assert f"`{code}`" in text_of(page), f"{code} in {page}"


def test_operations_explain_every_kind_of_data_that_retention_removes() -> None:
    section = text_of("docs/operations.md").split("## Retention")[1].split("### ")[0]
    assert [name for name in SUBJECTS if f"`{name}`" not in section] == []


def test_events_name_every_reserved_source() -> None:
    page = text_of("docs/events.md")
    assert [source for source in RESERVED_SOURCES if f"`{source}`" not in page] == []


def test_actions_of_the_log_exist() -> None:
    """Those in the first column of the tables of operations."""
    tables = re.findall(
        r"^\| `action`.*\n(?:^\|.*\n)+", text_of("docs/operations.md"), re.MULTILINE
    )
    named = [name for table in tables for name in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)]
    code = "\n".join(line for module in modules(*PACKAGES) for line in module.lines)
    logged = {*re.findall(r'"([a-z_]+)"', code)}
    logged |= {f"command_{outcome}" for outcome in get_args(CommandOutcome)}
    logged |= {f"notice_{outcome}" for outcome in get_args(DeliveryOutcome)}
    assert len(named) > 20
    assert {*re.findall(r"`(\w+)`", "".join(named))} <= logged


def test_named_topics_exist() -> None:
    names = {topic.name for topic in ALL_TOPICS}
    for page in PAGES:
        for name in re.findall(r"\bcost\.[a-z-]+\.v\d(?:\.dlq)?", text_of(page)):
            assert name in names, f"{name} in {page}"


def test_decisions_are_listed_in_order() -> None:
    files = sorted(path.name for path in Path(ROOT, "docs", "adr").glob("0*.md"))
    assert [name[:4] for name in files] == [f"{number:04d}" for number in range(len(files))]
    listed = re.findall(r"^\| \[\d{4}\]\(([\w-]+\.md)\)", text_of("docs/adr/README.md"), re.M)
    assert listed == files[1:]
    for name in files[1:]:
        text = text_of(f"docs/adr/{name}")
        for heading in ("Context", "Decision", "Reasons", "What would change our mind"):
            assert f"\n## {heading}\n" in text, f"{heading} in {name}"
