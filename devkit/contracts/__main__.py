"""Compares the API, the topics and the event schemas with those of the last release.

    python -m devkit.contracts check    fails if a client of the last release would break
    python -m devkit.contracts freeze   keeps the present documents as those of this version

An incompatible change is allowed if the changelog names its place in backticks under
`### Incompatible changes` of the unreleased part.
"""

from __future__ import annotations

import argparse
import sys

from api.openapi.routes import product_version
from devkit.contracts.references import UnknownReferenceError
from devkit.contracts.releases import (
    CHANGELOG,
    FROZEN,
    find_changes,
    freeze,
    frozen_documents,
    newest_release,
    present_documents,
    unexcused_changes,
)


def check() -> int:
    """Print each incompatible change that the changelog does not name; returns the exit code."""
    release = newest_release()
    try:
        changes = find_changes(frozen_documents(release), present_documents())
    except UnknownReferenceError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    breaking = unexcused_changes(changes, CHANGELOG.read_text(encoding="utf-8"))
    sys.stdout.writelines(f"{change}\n" for change in breaking)
    excused = len(changes) - len(breaking)
    sys.stdout.write(
        f"{len(breaking)} incompatible changes since {release.name}"
        f"{f', and {excused} that the changelog names' if excused else ''}\n"
    )
    if breaking:
        sys.stderr.write(
            "Keep what clients use, or name each place in backticks in CHANGELOG.md under\n"
            "`### Incompatible changes`.\n"
        )
    return 1 if breaking else 0


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m devkit.contracts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=["check", "freeze"])
    if parser.parse_args().command == "check":
        return check()
    release = FROZEN / product_version()
    if release.exists():
        sys.stderr.write(f"{release} exists: a frozen release is never changed.\n")
        return 1
    freeze(present_documents(), release)
    sys.stdout.write(f"{release}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
