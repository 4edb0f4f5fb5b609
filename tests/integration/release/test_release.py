"""A release is complete, reproducible, and its wheel works in an empty environment."""

import hashlib
import json
import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from devkit.release import build as building
from devkit.release.build import SUMS, ReleaseError, build, images, release_version, smoke_test
from tests.support.house import ROOT
from tests.support.parts import skip_without

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a release, built once."""
    folder = tmp_path_factory.mktemp("release") / "dist"
    try:
        build(folder)
    except ReleaseError as error:
        if "npm" in str(error) or "Node" in str(error):
            skip_without("npm", f"tools/web build\n{error}")
        raise
    return folder


def test_release_has_all_files_with_their_digests(release: Path) -> None:
    version = release_version()
    names = {path.name for path in release.iterdir()} - {SUMS}
    assert names >= {
        f"cost_analytics-{version}-py3-none-any.whl",
        f"cost_analytics-{version}.tar.gz",
        f"cost-analytics-client-{version}.tgz",
        f"cost-analytics-{version}.cdx.json",
    }
    assert len([name for name in names if name.startswith("cost_analytics_emitter-")]) == 2
    sums = dict(line.split("  ")[::-1] for line in (release / SUMS).read_text().splitlines())
    assert sums == {
        name: hashlib.sha256((release / name).read_bytes()).hexdigest() for name in names
    }
    with zipfile.ZipFile(release / f"cost_analytics-{version}-py3-none-any.whl") as wheel:
        assert "api/static/index.html" in wheel.namelist()
    with tarfile.open(release / f"cost_analytics-{version}.tar.gz") as sources:
        assert f"cost_analytics-{version}/ledger/postgres/migrate.py" in sources.getnames()


def test_second_build_has_the_same_bytes(release: Path, tmp_path: Path) -> None:
    build(tmp_path / "dist")
    assert (tmp_path / "dist" / SUMS).read_text() == (release / SUMS).read_text()


def test_bill_of_materials_lists_every_locked_package(release: Path) -> None:
    document = json.loads((release / f"cost-analytics-{release_version()}.cdx.json").read_bytes())
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    listed = {component["purl"] for component in document["components"]}
    locked = re.findall(
        r"^([\w.-]+)==([^\s\\;]+)", (ROOT / "requirements/runtime.txt").read_text(), re.M
    )
    assert {f"pkg:pypi/{name.lower()}@{version}" for name, version in locked} <= listed
    assert any(purl.startswith("pkg:npm/vue@") for purl in listed)
    references = [component["bom-ref"] for component in document["components"]]
    assert len(set(references)) == len(references)
    for component in document["components"]:
        assert component.get("hashes") or component.get("properties"), component["purl"]


def test_wheel_works_in_an_empty_environment(release: Path, tmp_path: Path) -> None:
    [wheel] = release.glob("cost_analytics-*.whl")
    try:
        found = smoke_test(wheel, tmp_path / "venv")
    except ReleaseError as error:
        if "No matching distribution" in str(error) or "Connection" in str(error):
            skip_without("package index", str(error))
        raise
    assert found.startswith(f"version {release_version()}, ")


def test_differing_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("pyproject.toml", "web/package.json", "clients/typescript/package.json"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes((ROOT / path).read_bytes())
    (tmp_path / "web/package.json").write_text('{"version": "9.9.9"}')
    monkeypatch.setattr(building, "ROOT", tmp_path)
    with pytest.raises(ReleaseError, match=r"web/package\.json has version 9\.9\.9"):
        release_version()


def test_images_without_a_digest_are_named() -> None:
    assert {name.split(":")[0] for name in images()} >= {"apache/kafka", "postgres"}
