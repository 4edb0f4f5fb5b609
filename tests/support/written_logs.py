"""A service that writes its costs to a log and rotates it in every way, and its mapping."""

import gzip
import json
import os
import shutil
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from cost_analytics.following.log_file import LogFile
from cost_analytics.following.state_file import load
from tests.support.emitting_bot import expected_events
from tests.support.events import Plain

MAPPING = """
source = "/bots/log"
[all]
time = "/ts"
callId = "/call"
userId = "/user"

[[event]]
type = "call.started"
when = { "/kind" = "start" }
personaId = "/persona"

[[event]]
type = "cost.recorded"
when = { "/kind" = "cost" }
service = "/service"
operation = "/operation"
model = "/model"
usage = { at = "/milli", decimals = 3 }
unit = "/unit"
estimated = "/estimated"

[[event]]
type = "cost.recorded"
name = "tokens"
when = { "/kind" = "tokens" }
service = "/service"
operation = "/operation"
model = "/model"
usages.input_tokens = { at = "/prompt", minus = "/cached" }
usages.cached_input_tokens = "/cached"
usages.output_tokens = "/completion"

[[event]]
type = "call.charged"
when = { "/kind" = "charge" }
amount = { at = "/cents", decimals = 2 }
fee = { at = "/fee_micros", decimals = 6 }

[[event]]
type = "call.ended"
when = { "/kind" = "end" }
status = { at = "/ok", values = { true = "completed", false = "failed" } }
duration_seconds = { at = "/ms", decimals = 3 }
"""


def logged_events(calls: int, start: datetime) -> list[Plain]:
    """Return the events of the calls; voids need ids of their own, which lines do not have."""
    return [one for one in expected_events(calls, start) if one["type"] != "cost.voided"]


def line_of(event: Plain) -> str:
    """Return what the service writes about an event."""
    data = event["data"]
    row = {"ts": event["time"].isoformat(), "call": data["callId"], "user": data["userId"]}
    return json.dumps(row | _fields(event["type"], data))


def _shifted(value: object, places: int) -> int:
    return int(Decimal(str(value)).scaleb(places))


def _fields(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    if kind == "call.started":
        return {"kind": "start", "persona": data["personaId"]}
    if kind == "call.charged":
        fee = _shifted(data["fee"], 6)
        return {"kind": "charge", "cents": _shifted(data["amount"], 2), "fee_micros": fee}
    if kind == "call.ended":
        ok = data["status"] == "completed"
        return {"kind": "end", "ok": ok, "ms": _shifted(data["duration_seconds"], 3)}
    common = {name: data.get(name) for name in ("service", "operation", "model")}
    if "usages" in data:
        units = {row["unit"]: row["quantity"] for row in data["usages"]}
        cached = units.get("cached_input_tokens", 0)
        prompt = units.get("input_tokens", 0) + cached
        tokens = {"prompt": prompt, "cached": cached, "completion": units["output_tokens"]}
        return {"kind": "tokens", **common, **tokens}
    milli = _shifted(data["usage"], 3)
    estimated = data.get("estimated", False)
    return {"kind": "cost", **common, "milli": milli, "unit": data["unit"], "estimated": estimated}


class LogWriter:
    """Writes lines to a log and rotates it. `is_read` tells whether a follower has read all."""

    def __init__(self, path: Path, is_read: Callable[[], bool]) -> None:
        self.path = path
        self._is_read = is_read
        self._file = path.open("ab", buffering=0)
        self._rotations = 0

    def write(self, line: str, *, in_halves: bool = False) -> None:
        content = f"{line}\n".encode()
        middle = len(content) // 2 if in_halves else 0
        self._file.write(content[:middle])
        if in_halves:
            time.sleep(0.05)
        self._file.write(content[middle:])

    def close(self) -> None:
        self._file.close()

    def rotate(self, way: int) -> None:
        """Rotate in one of four ways."""
        self._rotations += 1
        ways = (self._rename, self._copy_and_truncate, self._compress, self._truncate)
        ways[way % len(ways)]()

    def _rotated(self) -> Path:
        return self.path.with_name(f"{self.path.name}.{self._rotations}")

    def _rename(self) -> None:
        """As logrotate does by default: lines still arrive under the old name for a moment."""
        self.path.rename(self._rotated())
        old = self._file
        self.path.touch()
        time.sleep(0.05)
        self._file = self.path.open("ab", buffering=0)
        old.close()

    def _copy_and_truncate(self) -> None:
        shutil.copyfile(self.path, self._rotated())
        os.truncate(self.path, 0)

    def _compress(self) -> None:
        rotated = self._rotated()
        self._rename()
        with rotated.open("rb") as plain, gzip.open(f"{rotated}.gz", "wb") as packed:
            shutil.copyfileobj(plain, packed)
        rotated.unlink()

    def _truncate(self) -> None:
        """Without a copy: unread lines would be lost."""
        deadline = time.monotonic() + 60
        while not self._is_read():
            assert time.monotonic() < deadline, "the follower did not read the log"
            time.sleep(0.05)
        os.truncate(self.path, 0)


def is_read(state: Path, log: Path) -> bool:
    """Return whether the checkpoint of a follower is at the end of a log."""
    file = LogFile(log)
    try:
        size = file.size()
        found = load(state)
        positions = [] if found is None else found.positions
        return size == 0 or any(one.offset == size and one.is_in(file) for one in positions)
    finally:
        file.close()
