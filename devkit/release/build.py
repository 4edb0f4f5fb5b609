"""Builds the files of a release; the same sources result in the same bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Final

from devkit.embedded.environment import copy_environment
from devkit.release.sbom import sbom

ROOT: Final = Path(__file__).resolve().parents[2]
EPOCH: Final = 1_767_225_600
"""The time of all files in archives, 2026-01-01."""
SUMS: Final = "SHA256SUMS"
_SMOKE: Final = """
from importlib.metadata import version
from importlib.resources import files
from api.asyncapi.__main__ import async_document
from api.openapi.__main__ import api_document
from ledger.postgres.migration_files import migrations
installed = version("cost-analytics")
assert api_document()["info"]["version"] == async_document()["info"]["version"] == installed
assert (files("api") / "static" / "index.html").is_file(), "the dashboard is missing"
print(f"version {installed}, {len(migrations())} migrations")
"""


class ReleaseError(Exception):
    """The release cannot be built; the message says why."""


def release_version() -> str:
    """Return the version, which is in pyproject.toml; raises ReleaseError if a package differs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = str(project["version"])
    stated = {
        path: str(json.loads((ROOT / path).read_bytes())["version"])
        for path in ("web/package.json", "clients/typescript/package.json")
    }
    for chart in sorted((ROOT / "charts").glob("*/Chart.yaml")):
        text = chart.read_text(encoding="utf-8")
        for name in re.findall(r'^(?:appVersion|version): "?([^"\s]+)', text, re.MULTILINE):
            stated[chart.relative_to(ROOT).as_posix()] = name
    for path, other in stated.items():
        if other != version:
            raise ReleaseError(
                f"{path} has version {other}, pyproject.toml {version}: make them equal"
            )
    return version


def build(folder: Path) -> list[Path]:
    """Write the files of a release into an empty folder; returns them.

    Raises ReleaseError, and CalledProcessError if a tool fails.
    """
    version = release_version()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ReleaseError(f"{folder} is not empty: remove it, or name another folder")
    _run(["tools/web", "build"], ROOT)
    for project in (ROOT, ROOT / "clients" / "python"):
        _run([sys.executable, "-m", "hatchling", "build", "-d", str(folder.resolve())], project)
    package = _run(["tools/web", "client", "pack"], ROOT).split()[-1]
    shutil.copy(package, folder / Path(package).name)
    for chart in sorted((ROOT / "charts").glob("*/Chart.yaml")):
        _pack(chart.parent, folder / f"{chart.parent.name}-chart-{version}.tgz")
    bom = sbom(version, ROOT / "requirements" / "runtime.txt", ROOT / "web" / "package-lock.json")
    (folder / f"cost-analytics-{version}.cdx.json").write_text(json.dumps(bom, indent=1) + "\n")
    files = sorted(folder.iterdir())
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / SUMS).write_text("".join(sums))
    return [*files, folder / SUMS]


def images() -> list[str]:
    """Return the images of other projects that Compose names, none of them by digest yet."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    found = set(re.findall(r"^\s+image: (\S+)$", text, re.MULTILINE))
    return sorted(name for name in found if "/" in name or name.startswith("postgres"))


def smoke_test(wheel: Path, environment: Path) -> str:
    """Install the wheel and its locked packages into an empty environment, and use it there."""
    _run([sys.executable, "-m", "venv", str(environment)], ROOT)
    python = environment / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--require-hashes", "-r", "requirements/runtime.txt"], ROOT)
    _run([*pip, "--no-deps", str(wheel.resolve())], ROOT)
    _run([str(environment / "bin" / "cost-analytics"), "--help"], environment)
    return _run([str(python), "-P", "-c", _SMOKE], environment).strip()


def _pack(folder: Path, target: Path) -> None:
    """Write a folder as an archive in which only contents and modes matter."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = tarfile.TarInfo(path.relative_to(folder.parent).as_posix())
            entry.size, entry.mtime, entry.mode = path.stat().st_size, EPOCH, 0o644
            archive.addfile(entry, io.BytesIO(path.read_bytes()))
    target.write_bytes(gzip.compress(content.getvalue(), mtime=EPOCH))


def _run(command: list[str], folder: Path) -> str:
    environment = {**copy_environment(), "SOURCE_DATE_EPOCH": str(EPOCH), "PYTHONPATH": ""}
    done = subprocess.run(
        command, cwd=folder, env=environment, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise ReleaseError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
