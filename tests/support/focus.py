"""Validates FOCUS files with the specification's own validator, and runs DuckDB on them."""

import re
import subprocess
from pathlib import Path

from tests.support import parts
from tests.support.house import ROOT

_BIN = ROOT / ".local" / "focus" / "bin"
_INSTALL = "install it by `make setup-focus`, which needs Python 3.12"
_VERSION = "1.2.0.1"
_CRITERIA = "ACCOUNT_NAMING_SUPPORTED,RESOURCE_TYPE_ASSIGNMENT_SUPPORTED,SUB_ACCOUNT_SUPPORTED,TAGGING_SUPPORTED"
_SECONDS_MAX = 240

_TOTAL = re.compile(r"^Total: (\d+) \| Pass: (\d+) \| Fail: (\d+) \| Skipped: (\d+)$", re.MULTILINE)
_FAILED = re.compile(r"^❌ (\S+): FAIL", re.MULTILINE)

ALTERNATIVES = frozenset({"InvoiceId-C-005-C"})
"""Counted as failed by the validator, although the rule above it is an OR that holds: the invoice is
null for a charge without an invoice."""


def failed_rules(file: Path) -> tuple[set[str], int]:
    """Return the rules of FOCUS that a file breaks, and how many it keeps.

    The exit code of the validator is 0 in both cases, so this reads its report.
    """
    program = _BIN / "focus-validator"
    if not program.exists():
        parts.skip_without("focus-validator", _INSTALL)
    [packages] = (_BIN.parent / "lib").glob("python*/site-packages")
    done = subprocess.run(
        [
            program, f"--data-file={file}", f"--validate-version={_VERSION}", "--block-download",
            "--show-violations", f"--applicability-criteria={_CRITERIA}",
        ],
        capture_output=True,
        check=False,
        cwd=packages,  # it opens a file of its own by a relative path
        text=True,
        timeout=_SECONDS_MAX,
    )  # fmt: skip
    total = _TOTAL.search(done.stdout)
    assert total is not None, done.stdout[-2000:] + done.stderr[-2000:]
    failed = set(_FAILED.findall(done.stdout))
    assert len(failed) == int(total[3]), done.stdout
    return failed - ALTERNATIVES, int(total[2])


def run_duckdb(statement: str, directory: Path) -> str:
    """Return the rows of a statement that reads files of a directory, as text."""
    program = _BIN / "python"
    if not program.exists():
        parts.skip_without("DuckDB", _INSTALL)
    done = subprocess.run(
        [program, "-c", "import duckdb, sys; print(duckdb.sql(sys.argv[1]).fetchall())", statement],
        capture_output=True,
        check=False,
        cwd=directory,
        text=True,
        timeout=_SECONDS_MAX,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
