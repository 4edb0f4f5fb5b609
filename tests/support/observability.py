"""The dashboard and the alert rules, and a Prometheus that evaluates them."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from api.metrics import definitions as api_definitions
from devkit.embedded.ports import choose_port
from schemas.metrics import Definition
from streams.metrics import definitions as stream_definitions
from tests.support.house import ROOT
from tests.support.parts import skip_without

DIRECTORY: Final = ROOT / "observability"
DASHBOARD: Final = DIRECTORY / "grafana" / "dashboards" / "cost-analytics.json"
RULES: Final = DIRECTORY / "prometheus" / "rules.yml"
RULE_TESTS: Final = DIRECTORY / "prometheus" / "rules_test.yml"

DEFINITIONS: Final = [
    each
    for module in (api_definitions, stream_definitions)
    for each in vars(module).values()
    if isinstance(each, Definition)
]
"""Every metric of every process."""

_NAME: Final = re.compile(r"\b(?:cost_analytics|process)_\w+|\bup\b(?=\{)")
_LIBRARY: Final = {
    "up",
    "process_open_fds",
    "process_max_fds",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
}
_HISTOGRAM: Final = ("_bucket", "_count", "_sum")
_COMPARISON: Final = re.compile(r"\s(?:>|<|==)\s")


def program(name: str) -> str:
    """Return the path of `promtool` or `prometheus`; skips the test without it."""
    found = shutil.which(name)
    if found is None:
        skip_without(name, "it is in Debian's package `prometheus`")
    return found


def promtool(*words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run `promtool` and return its exit code and output."""
    return subprocess.run(
        [program("promtool"), *words], cwd=cwd, capture_output=True, text=True, check=False
    )


def unknown_metrics(text: str) -> set[str]:
    """Return the metrics that a dashboard or rules name and that no process has."""
    known = {each.name for each in DEFINITIONS} | _LIBRARY
    return {
        name
        for name in _NAME.findall(text)
        if name not in known and not any(name.removesuffix(end) in known for end in _HISTOGRAM)
    }


def rules(text: str) -> dict[str, dict[str, Any]]:
    """Return the alert rules by name."""
    return {rule["alert"]: rule for rule in yaml.safe_load(text)["groups"][0]["rules"]}


def dashboard_queries(text: str) -> dict[str, list[str]]:
    """Return the queries of each panel by its title, with an interval for Grafana's variable."""
    return {
        panel["title"]: [
            target["expr"].replace("$__rate_interval", "15s") for target in panel["targets"]
        ]
        for panel in json.loads(text)["panels"]
        if panel["type"] != "row"
    }


def operands(expression: str) -> list[str]:
    """Return both sides of an alert's comparison: each has a value while nothing is wrong."""
    return _COMPARISON.split(expression)


class Prometheus:
    """A running Prometheus server."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **query: str) -> Any:
        """Return the data of an answer of its API; None if it does not answer yet."""
        try:
            with urlopen(f"{self._url}/api/v1/{path}?{urlencode(query)}", timeout=10) as response:
                return json.loads(response.read())["data"]
        except (URLError, OSError):
            return None

    def has_value(self, expression: str) -> bool:
        """Return whether an expression has at least one value now."""
        found = self.get("query", query=expression)
        return bool(found and found["result"])

    def without_value(self, expressions: list[str], seconds: int) -> list[str]:
        """Return the expressions that have no value within some seconds."""
        ends = time.monotonic() + seconds
        missing = [each for each in expressions if not self.has_value(each)]
        while missing and time.monotonic() < ends:
            time.sleep(0.5)
            missing = [each for each in missing if not self.has_value(each)]
        return missing


@contextmanager
def running_prometheus(directory: Path, targets: Mapping[str, int]) -> Iterator[Prometheus]:
    """Run Prometheus with our rules; it scrapes the ports of `targets` by job once a second."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
            for job, port in targets.items()
        ],
    }
    file = directory / "prometheus.yml"
    file.write_text(json.dumps(config))
    port = choose_port()
    words = [
        program("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(60)
