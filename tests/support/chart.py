"""Renders the Helm chart, and validates what it renders."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.support import parts
from tests.support.chart_values import CHART
from tests.support.house import ROOT

HELM = ROOT / ".local" / "bin" / "helm"
VALIDATOR = ROOT / ".local" / "chart" / "bin" / "kubernetes-validate"
SECONDS_MAX = 60

_RENDERED: dict[str, str] = {}
"""What was rendered, by the text of the values."""

Manifest = dict[str, Any]


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Helm; skips the test if it is not built."""
    if not HELM.exists():
        parts.skip_without("Helm", "build it by `make setup-chart`, which needs Go")
    return subprocess.run(
        [str(HELM), *arguments],
        capture_output=True,
        check=False,
        env={"HOME": "/nonexistent", "PATH": os.environ["PATH"], "TMPDIR": "/tmp"},
        text=True,
        timeout=SECONDS_MAX,
    )


def render(values: dict[str, Any], directory: Path) -> list[Manifest]:
    """Return what the chart renders with these values."""
    text = yaml.safe_dump(values)
    if text not in _RENDERED:
        file = directory / "values.yaml"
        file.write_text(text)
        done = _template(file)
        assert done.returncode == 0, done.stderr
        _RENDERED[text] = done.stdout
    return [document for document in yaml.safe_load_all(_RENDERED[text]) if document]


def _template(values: Path) -> subprocess.CompletedProcess[str]:
    # A Helm that is not built by its makers assumes an old Kubernetes.
    return helm("template", "costs", str(CHART), f"--values={values}", "--kube-version=1.34.0")


def refusal(values: dict[str, Any], directory: Path) -> str:
    """Return why the chart refuses these values."""
    file = directory / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    done = _template(file)
    assert done.returncode != 0
    return done.stderr


def flaws(manifests: Iterable[Manifest], directory: Path, kubernetes: str) -> str:
    """Return what the schema of a Kubernetes version says against manifests, empty if nothing."""
    if not VALIDATOR.exists():
        parts.skip_without("kubernetes-validate", "install it by `make setup-chart`")
    file = directory / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(list(manifests)))
    done = subprocess.run(
        [str(VALIDATOR), "--strict", "--kubernetes-version", kubernetes, str(file)],
        capture_output=True,
        check=False,
        text=True,
        timeout=SECONDS_MAX,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def of_kind(manifests: Iterable[Manifest], kind: str) -> dict[str, Manifest]:
    """Return the manifests of a kind by the process that they are for."""
    label = "app.kubernetes.io/component"
    return {
        manifest["metadata"]["labels"][label]: manifest
        for manifest in manifests
        if manifest["kind"] == kind
    }


def pods(manifests: Iterable[Manifest]) -> dict[str, Manifest]:
    """Return the specification of each pod by its process."""
    documents = list(manifests)
    workloads = of_kind(documents, "Deployment") | of_kind(documents, "Job")
    specifications = {name: each["spec"] for name, each in workloads.items()}
    for name, each in of_kind(documents, "CronJob").items():
        specifications[name] = each["spec"]["jobTemplate"]["spec"]
    return {name: each["template"]["spec"] for name, each in specifications.items()}


def environment(pod: Manifest) -> dict[str, str]:
    """Return the environment of a pod's only container."""
    [container] = pod["containers"]
    return {variable["name"]: variable["value"] for variable in container["env"]}
