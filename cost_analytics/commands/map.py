"""`cost-analytics map`: tries a mapping without sending anything."""

from __future__ import annotations

import argparse
import sys
from typing import Final

DESCRIPTION: Final = """\
A mapping says which lines of a log, or which bodies of a webhook, become which events, and where
each field is found. `map try` shows for each line of FILE (-: standard input) what would be sent,
or exactly why not. Nothing is sent. docs/integrations/logs.md describes the language.

  cost-analytics map try bot.toml bot.log
  cost-analytics map try shop.toml body.json --body
"""
_SOURCE: Final = "/example"
_BYTES_MAX: Final = 64 * 1024 * 1024


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the action."""
    actions = parser.add_subparsers(dest="action", metavar="try", required=True)
    try_parser = actions.add_parser("try", help="show what would be sent")
    try_parser.add_argument("map", metavar="MAP", help="the mapping: a TOML or JSON file")
    try_parser.add_argument("file", metavar="FILE", help="lines of a log, or - for stdin")
    try_parser.add_argument(
        "--body", action="store_true", help="FILE is one JSON document, the body of a webhook"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print a result for each line; returns 1 if any was refused."""
    from cost_analytics.files import read_text
    from cost_analytics.map_files import read_map
    from cost_analytics.map_trials import Trial

    mapping = read_map(arguments.map)
    text = read_text(arguments.file)
    trial = Trial(mapping, mapping.source or _SOURCE)
    if arguments.body:
        trial.add("body", text.encode())
    else:
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                trial.add(f"line {number}", line.encode())
    print("\n".join([*trial.results, trial.summary()]), flush=True)
    if trial.refused:
        print("Refused lines would not be sent.", file=sys.stderr)
    return 1 if trial.refused else 0
