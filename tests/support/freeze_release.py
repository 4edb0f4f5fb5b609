"""Keeps what tests of upgrades need of this release: `python -m tests.support.freeze_release`.

Writes tests/releases/VERSION: a backup of a small ledger with every kind of row, the files of its
archived months, and the code that reads and writes it. A frozen release is never changed.
"""

import asyncio
import io
import lzma
import sys
import tarfile
import tempfile
from pathlib import Path

from api.openapi.routes import product_version
from cost_analytics.backups.backup import take_backup
from cost_analytics.configuration.secret import Secret
from devkit.embedded.postgres import EmbeddedPostgres
from ledger.postgres.migrate import migrate
from tests.support.complete_ledger import SPARSE, empty_tables, write_complete_ledger
from tests.support.house import ROOT
from tests.support.logins import create_test_logins
from tests.support.recording import assert_verified

RELEASES = ROOT / "tests" / "releases"
CODE = "code.tar.xz"
DUMP = "ledger.dump"
ARCHIVE = "archive"
PACKAGES = ("api", "cost_analytics", "ledger", "messaging", "schemas", "streams")
USE = "tests/support/use_release.py"
_LEFT_OUT = {"__pycache__", "static"}


def code() -> bytes:
    """Return the product's code and the script that uses it; the same bytes each time."""
    files = [
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and not _LEFT_OUT.intersection(path.parts)
    ]
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for path in sorted([*files, ROOT / USE]):
            entry = tarfile.TarInfo(path.relative_to(ROOT).as_posix())
            content = path.read_bytes()
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return lzma.compress(written.getvalue(), preset=9 | lzma.PRESET_EXTREME)


async def freeze(release: Path) -> None:
    """Write the files of a release; raises FileExistsError if it is frozen already."""
    release.mkdir(parents=True)
    (release / CODE).write_bytes(code())
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        async with EmbeddedPostgres(Path(folder) / "postgres") as server:
            await create_test_logins(server.url)
            await migrate(server.url)
            await write_complete_ledger(server.url, release / ARCHIVE)
            await assert_verified(server.url)
            empty = await empty_tables(server.url) - SPARSE
            assert not empty, f"write rows into {sorted(empty)}, in complete_ledger.py"
            await take_backup(Secret(server.url), release / DUMP, lambda _: None)


if __name__ == "__main__":
    asyncio.run(freeze(RELEASES / product_version()))
    for path in sorted((RELEASES / product_version()).rglob("*.*")):
        sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes\n")
