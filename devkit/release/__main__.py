"""Builds a release into a folder and tests its wheel: `python -m devkit.release dist`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from devkit.release.build import ReleaseError, build, images, smoke_test


def main() -> int:
    """Build, test and list the files; returns the exit code."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "dist")
    try:
        files = build(folder)
        [wheel] = folder.glob("cost_analytics-*.whl")
        with tempfile.TemporaryDirectory() as environment:
            installed = smoke_test(wheel, Path(environment) / "venv")
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(f"{path}  {path.stat().st_size:,} bytes\n" for path in files)
    sys.stdout.write(
        f"Installed into an empty environment and used: version, migrations {installed}\n"
    )
    sys.stdout.write("Images that are NOT pinned by digest, because no registry is asked:\n")
    sys.stdout.writelines(f"  {name}\n" for name in images())
    return 0


if __name__ == "__main__":
    sys.exit(main())
