"""`cost-analytics follow`: sends what services write to their logs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cost_analytics import settings
from cost_analytics.failures import MISUSED, CommandError

if TYPE_CHECKING:
    from cost_analytics.following.follower import FollowOptions

DESCRIPTION: Final = """\
Reads each line of FILE as it is written, makes events of it as the mapping says, and sends them to
INTAKE_URL with the key INTAKE_TOKEN. Rotated, truncated and copied files are recognized by their
content. The checkpoint moves only over events that the API has accepted, so nothing is lost by
kill -9, and an event counts once however often a line is read. A line that cannot be sent is kept
with the reason in the file of --refused. SIGTERM or Ctrl-C ends it in order.

  cost-analytics follow /var/log/bot.log --map bot.toml
  cost-analytics follow '/var/log/bots/*.log' --map bot.toml --state /var/lib/follow/bots.json
  cost-analytics follow old.log --map bot.toml --once

Without a checkpoint it begins at the end of the files; --from-start reads what they have already.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the files, the mapping and where the checkpoint is."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="files, or patterns in quotes")
    parser.add_argument("--map", required=True, metavar="MAP", help="the mapping (map try)")
    parser.add_argument(
        "--source", metavar="S", help="the source of the events (default: that of the mapping)"
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="the checkpoint (default for one FILE: .FILE.follow.json beside it)",
    )
    parser.add_argument(
        "--refused",
        type=Path,
        metavar="FILE",
        help="lines that cannot be sent (default: the checkpoint's name with .refused.jsonl)",
    )
    parser.add_argument(
        "--from-start", action="store_true", help="without a checkpoint, begin at the start"
    )
    parser.add_argument(
        "--once", action="store_true", help="read to the end from the start, then exit"
    )


def run(arguments: argparse.Namespace) -> int:
    """Follow until stopped; with --once returns 1 if a line was refused or a file is lost."""
    from cost_analytics import logs
    from cost_analytics.following.service import follow
    from cost_analytics.map_files import read_map
    from cost_analytics.running import run_until_stopped

    mapping = read_map(arguments.map)
    source = arguments.source or mapping.source
    if not source:
        raise CommandError("Events need a source: --source, or `source` of the mapping.", MISUSED)
    options = _options(arguments)
    loaded = settings.load("intake")
    logs.configure(loaded)
    counts = run_until_stopped(lambda stop: follow(options, mapping, source, loaded.intake, stop))
    print(f"{counts.text()}.")
    if counts.refused:
        print(f"Refused lines are in {options.refused}.")
    return int(arguments.once and bool(counts.refused or counts.lost_files))


def _options(arguments: argparse.Namespace) -> FollowOptions:
    from cost_analytics.following.discovery import is_pattern
    from cost_analytics.following.follower import FollowOptions

    state: Path | None = arguments.state
    if state is None:
        if len(arguments.files) > 1 or is_pattern(arguments.files[0]):
            raise CommandError(
                "Several files need a checkpoint with a name: --state FILE.", MISUSED
            )
        file = Path(arguments.files[0])
        state = file.with_name(f".{file.name}.follow.json")
    return FollowOptions(
        patterns=arguments.files,
        state=state,
        refused=arguments.refused or state.with_name(f"{state.name}.refused.jsonl"),
        from_start=arguments.from_start,
        once=arguments.once,
    )
