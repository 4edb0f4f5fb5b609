"""A bot that only writes a log, and `cost-analytics follow` that sends its costs.

python examples/follow_logs.py --url http://127.0.0.1:8080 --token KEY

The bot writes JSON lines and rotates its log in the middle of the call. examples/maps/bot.toml says
what the lines mean.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

MAPPING = Path(__file__).parent / "maps" / "bot.toml"
TURNS = 6
# The prices with which the product starts, in US dollars a token.
TOKEN_IN, TOKEN_OUT = Decimal("0.00001"), Decimal("0.00003")
COMMAND = [sys.executable, "-m", "cost_analytics", "follow"]


class Bot:
    """Writes what happens in its call to a log."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self.call_id = f"log-{time.time_ns()}"
        self.costs = Decimal()

    def write(self, event: str, **fields: Any) -> None:
        """Append a line."""
        row = {"ts": time.time_ns() // 1_000_000, "event": event, "call": self.call_id}
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps({**row, "user": "demo", **fields}) + "\n")

    def talk(self) -> None:
        """Hold a call; the log is rotated in its middle."""
        self.write("started", agent="brad_001", dir="out", campaign="spring")
        for turn in range(TURNS):
            tokens = {"prompt": 800 + 100 * turn, "cached": 0, "completion": 40}
            self.write("reply", model="gpt-4-turbo", tokens=tokens)
            self.costs += tokens["prompt"] * TOKEN_IN + tokens["completion"] * TOKEN_OUT
            time.sleep(0.3)
            if turn == TURNS // 2:
                self._log.rename(f"{self._log}.1")
        self.write("billed", seconds=61, cost_micros=28_000)
        self.costs += Decimal("0.028")
        self.write("paid", cents=499)
        self.write("ended", ok=True, duration_ms=61_234)


def follow(directory: Path, url: str, token: str) -> subprocess.Popen[bytes]:
    """Start a follower of the bot's log."""
    log = directory / "bot.log"
    words = [str(log), "--map", str(MAPPING), "--source", "/examples/logs", "--from-start"]
    settings = {"INTAKE_URL": url, "INTAKE_TOKEN": token, "LOG_FORMAT": "text"}
    return subprocess.Popen([*COMMAND, *words], env={**os.environ, **settings}, cwd=directory)


def is_read(directory: Path) -> bool:
    """Return whether the checkpoint is at the end of the log."""
    state, log = directory / ".bot.log.follow.json", directory / "bot.log"
    if not state.exists() or not log.exists():
        return False
    size, inode = log.stat().st_size, log.stat().st_ino
    files = json.loads(state.read_bytes())["files"]
    return any(file["inode"] == inode and file["offset"] == size for file in files)


def main() -> int:
    """Hold one call, and wait until its lines are sent."""
    parser = argparse.ArgumentParser(description="Follows the log of a bot.")
    parser.add_argument("--url", required=True, help="the address of Cost Analytics")
    parser.add_argument("--token", required=True, help="the key of this service")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        follower = follow(directory, arguments.url, arguments.token)
        bot = Bot(directory / "bot.log")
        bot.talk()
        deadline = time.monotonic() + 60
        while not is_read(directory) and follower.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        follower.terminate()
        code = follower.wait(20)
    sys.stdout.write(f"call {bot.call_id} costs {bot.costs.normalize():f} USD\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
