"""The emitter's wheel stands alone: it needs neither the product nor any package."""

import subprocess
import sys
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

from tests.support.house import ROOT

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from cost_analytics_emitter import Emitter, __version__
emitter = Emitter("http://127.0.0.1:9", "a-token", source="/bot")
with emitter.call(user="alice") as call:
    call.usage("twilio", "outbound_call", 63, "seconds")
assert emitter.counters().accepted == 3
emitter.close(0)
print(__version__)
"""


def test_wheel_runs_without_any_other_package(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT / "clients" / "python", check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        [metadata_name] = [name for name in names if name.endswith("/METADATA")]
        metadata = HeaderParser().parsestr(archive.read(metadata_name).decode())
    assert "cost_analytics_emitter/py.typed" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"cost_analytics_emitter"}
    needed = metadata.get_all("Requires-Dist") or []
    assert all("; extra == '" in requirement for requirement in needed)
    # Isolated, and without the packages of this environment.
    run = [sys.executable, "-I", "-S", "-c", SCRIPT, str(wheel)]
    done = subprocess.run(run, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == metadata["Version"]
