"""Builds the documentation site from the documents of the repository.

    python -m devkit.site DIRECTORY

It fails if a link or an anchor is broken. No page needs another host when it is viewed. Needs the
environment of `tools/setup docs`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from devkit.site.navigation import INDEX, NavigationEntry, navigation_of
from devkit.site.sources import MissingTargetError, stage

ROOT: Final = Path(__file__).parents[2]
BUILDER: Final = ROOT / ".local" / "docs" / "bin" / "zensical"

_STYLE_NAME: Final = "site.css"
_STYLE: Final = """\
/* A name in a table is not broken within a word; pictures of a row begin at the same height. */
.md-typeset td:first-child code, .md-typeset th code { overflow-wrap: normal; word-break: normal }
.md-typeset img { vertical-align: top }
"""


def build(root: Path, site: Path) -> int:
    """Build the site of the documents below the root; returns the builder's exit code."""
    with tempfile.TemporaryDirectory() as work:
        project = Path(work)
        pages = stage(root, project / "pages")
        entries = navigation_of((root / INDEX).read_text(encoding="utf-8"), pages)
        (project / "pages" / _STYLE_NAME).write_text(_STYLE, encoding="utf-8")
        # JSON is YAML, too.
        (project / "mkdocs.yml").write_text(json.dumps(_settings(entries)), encoding="utf-8")
        done = subprocess.run(
            [BUILDER, "build", "--strict", "--config-file", project / "mkdocs.yml"],
            check=False,
            cwd=project,
        )
        if done.returncode == 0:
            shutil.rmtree(site, ignore_errors=True)
            shutil.copytree(project / "site", site)
    return done.returncode


def _settings(entries: list[NavigationEntry]) -> dict[str, Any]:
    return {
        "site_name": "Cost Analytics",
        "docs_dir": "pages",
        "site_dir": "site",
        "nav": entries,
        # Links to files, so that pages also open without a server.
        "use_directory_urls": False,
        "theme": {
            "name": "material",
            "variant": "modern",
            # The fonts of the system: others would come from another host.
            "font": False,
            "features": [
                "navigation.top",
                "content.code.copy",
                "search.highlight",
            ],
            "palette": [
                {"media": "(prefers-color-scheme: light)", "scheme": "default"},
                {"media": "(prefers-color-scheme: dark)", "scheme": "slate"},
            ],
        },
        "extra": {"generator": False},
        "extra_css": [_STYLE_NAME],
        "plugins": ["search"],
        "markdown_extensions": [
            "tables",
            "sane_lists",
            # The anchors that GitHub makes.
            {
                "toc": {
                    "permalink": True,
                    "slugify": {"object": "pymdownx.slugs.slugify", "kwds": {"case": "lower"}},
                }
            },
            {"pymdownx.highlight": {"use_pygments": True}},
            "pymdownx.superfences",
        ],
    }


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m devkit.site",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", type=Path, help="where to write the site")
    directory = parser.parse_args().directory
    if not BUILDER.exists():
        sys.stderr.write("The builder of the site is missing. Install it by `tools/setup docs`.\n")
        return 1
    try:
        return build(ROOT, directory)
    except MissingTargetError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
