"""The dashboard and the alert rules are valid, name existing metrics, and each alert is tested."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from schemas.metrics import Definition
from tests.support.house import ROOT
from tests.support.observability import (
    DASHBOARD,
    DEFINITIONS,
    DIRECTORY,
    RULE_TESTS,
    RULES,
    dashboard_queries,
    promtool,
    rules,
    unknown_metrics,
)

FILES = pytest.mark.parametrize("file", [DASHBOARD, RULES], ids=["dashboard", "rules"])
ALERTS = rules(RULES.read_text(encoding="utf-8"))
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def names_in(text: str) -> list[str]:
    return sorted(set(re.findall(r"cost_analytics_\w+", text)))


@FILES
def test_named_metrics_exist(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(names_in(text)) >= 15
    assert not unknown_metrics(text)


@FILES
def test_a_renamed_metric_is_found(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for name in names_in(text):
        assert unknown_metrics(re.sub(rf"\b{name}\b", f"{name}_x", text)) == {f"{name}_x"}


@pytest.mark.parametrize("definition", DEFINITIONS, ids=[each.name for each in DEFINITIONS])
def test_the_dashboard_shows_every_metric(definition: Definition) -> None:
    assert re.search(rf"\b{definition.name}(_bucket|_sum|_count)?\b", DASHBOARD.read_text())


def test_promtool_accepts_rules_and_configuration() -> None:
    for words in (("check", "rules", "rules.yml"), ("check", "config", "prometheus.yml")):
        done = promtool(*words, cwd=RULES.parent)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "name", "old", "new"),
    [
        ("rules", "rules.yml", "expr: ", "expression: "),
        ("rules", "rules.yml", "rate(", "rate(("),
        ("config", "prometheus.yml", "scrape_interval: ", "scrape_interval: often "),
        ("config", "prometheus.yml", "rules.yml", "gone.yml"),
    ],
)
def test_promtool_finds_a_planted_fault(
    command: str, name: str, old: str, new: str, tmp_path: Path
) -> None:
    shutil.copytree(RULES.parent, tmp_path, dirs_exist_ok=True)
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new, 1))
    assert promtool("check", command, name, cwd=tmp_path).returncode != 0


def test_promtool_accepts_every_query_of_the_dashboard(tmp_path: Path) -> None:
    queries = [q for each in dashboard_queries(DASHBOARD.read_text()).values() for q in each]
    assert len(queries) > 40
    recorded = [{"record": f"panel_{n}", "expr": query} for n, query in enumerate(queries)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    done = promtool("check", "rules", str(file), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_they_should_and_only_then() -> None:
    done = promtool("test", "rules", RULE_TESTS.name, cwd=RULES.parent)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_both_tests_and_is_documented() -> None:
    tested = [each["name"] for each in yaml.safe_load(RULE_TESTS.read_text())["tests"]]
    assert sorted(tested) == sorted(f"{name}, {kind}" for name in ALERTS for kind in ("broken", "healthy"))  # fmt: skip
    section = OPERATIONS.split("### Alerts\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == ALERTS.keys()
    for rule in ALERTS.values():
        assert rule["annotations"]["runbook"] == "docs/operations.md#alerts"


@pytest.mark.parametrize("alert", ALERTS)
def test_a_renamed_metric_of_an_alert_fails_its_test(alert: str, tmp_path: Path) -> None:
    text = RULES.read_text(encoding="utf-8")
    before, rule, after = text.partition(f"- alert: {alert}\n")
    expression, end, rest = after.partition("labels:")
    renamed = re.sub(r"\b(cost_analytics|process|up)(?=[_{])", r"other_\1", expression)
    assert renamed != expression
    (tmp_path / "rules.yml").write_text(f"{before}{rule}{renamed}{end}{rest}")
    document = yaml.safe_load(RULE_TESTS.read_text(encoding="utf-8"))
    document["tests"] = [
        each for each in document["tests"] if each["name"].startswith(f"{alert}, ")
    ]
    (tmp_path / RULE_TESTS.name).write_text(yaml.safe_dump(document))
    done = promtool("test", "rules", RULE_TESTS.name, cwd=tmp_path)
    assert done.returncode != 0
    assert f"alertname: {alert}" in done.stdout + done.stderr


def test_provisioned_files_are_valid() -> None:
    for file in DIRECTORY.rglob("*.yml"):
        assert yaml.safe_load(file.read_text(encoding="utf-8")), file
