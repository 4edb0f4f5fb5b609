"""The loop of `follow`: read, send, and only then move the checkpoint."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cost_analytics.failures import CommandError
from cost_analytics.following import refused_lines, state_file
from cost_analytics.following.batches import BatchReader, LineBatch
from cost_analytics.following.discovery import find_files
from cost_analytics.following.intake_client import IntakeClient, StoppedError
from cost_analytics.following.tracking import TrackedFile, Tracker

_POLL_SECONDS: Final = 0.25
_REPORT_SECONDS: Final = 60
_SAVE_SECONDS: Final = 1
"""How often progress without events is saved."""
_IDLE_SAVE_SECONDS: Final = 60
"""How often the checkpoint is saved while nothing is read: files may have been renamed."""

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowOptions:
    """What to follow, and how. `once` reads the files from the start and ends at their end."""

    patterns: Sequence[str]
    state: Path
    refused: Path
    from_start: bool
    once: bool


@dataclass(slots=True)
class FollowCounts:
    """What happened to lines; a line may have several events."""

    lines: int = 0
    sent: int = 0
    ignored: int = 0
    refused: int = 0
    lost_files: int = 0

    def text(self) -> str:
        return (
            f"{self.lines:,} lines read, {self.sent:,} events sent, "
            f"{self.ignored:,} lines ignored, {self.refused:,} refused"
        )


class LogFollower:
    """Follows files until it is stopped.

    The checkpoint moves past lines only after their events are accepted, or kept as refused.
    """

    def __init__(
        self,
        options: FollowOptions,
        reader: BatchReader,
        client: IntakeClient,
        stop: asyncio.Event,
    ) -> None:
        self._options, self._reader, self._client, self._stop = options, reader, client, stop
        self._tracker = Tracker(
            options.patterns,
            state_file.load(options.state),
            from_start=options.from_start or options.once,
        )
        self._saved_at = self._reported_at = time.monotonic()
        self._reported_lines = 0
        self.counts = FollowCounts()

    async def run(self) -> None:
        """Follow; raises CommandError if it cannot go on."""
        options = self._options
        if options.once and not find_files(options.patterns):
            raise CommandError(f"There is no file {', '.join(options.patterns)}.")
        try:
            self._scan()
            self._save()
            while not self._stop.is_set():
                has_read = await self._read_all()
                if not has_read and options.once:
                    break
                self._report()
                if not has_read:
                    await self._wait()
                self._scan()
            self._report_rest()
        except StoppedError:
            pass
        finally:
            self._tracker.close()

    def _scan(self) -> None:
        self._tracker.scan()
        for lost in self._tracker.take_lost(at_once=self._options.once):
            self.counts.lost_files += 1
            _log.warning(
                "the content of %s is gone after line %d (byte %d), and no copy has the rest: "
                "lines that were written later, if there were any, were not sent",
                lost.path,
                lost.line,
                lost.offset,
                extra={"action": "follow_file_lost", "path": lost.path, "offset": lost.offset},
            )
            self._save()

    async def _read_all(self) -> bool:
        """Read every file up to its end; return whether there was a line."""
        has_read = False
        for tracked in self._tracker.files:
            while not self._stop.is_set() and (batch := self._next(tracked)) is not None:
                has_read = True
                await self._send(tracked, batch)
        return has_read

    def _next(self, tracked: TrackedFile) -> LineBatch | None:
        is_final = tracked.is_final(time.monotonic())
        return self._reader.next_batch(tracked, takes_rest=self._options.once, is_final=is_final)

    async def _send(self, tracked: TrackedFile, batch: LineBatch) -> None:
        """Send a batch, keep what is refused, then move on."""
        reasons = await self._client.send([event for _, event in batch.events])
        refused = batch.refused + [
            batch.events[index][0]._replace(error=reason) for index, reason in reasons.items()
        ]
        refused_lines.keep(self._options.refused, refused)
        for one in refused:
            _log.error(
                "%s, line %d is not sent: %s",
                one.file,
                one.line,
                one.error,
                extra={"action": "follow_line_refused", "line_id": one.id},
            )
        tracked.position.advance(batch.offset, batch.line, batch.proof)
        counts = self.counts
        counts.lines += batch.lines
        counts.sent += len(batch.events) - len(reasons)
        counts.ignored += batch.ignored
        counts.refused += len(refused)
        if batch.events or refused or time.monotonic() - self._saved_at >= _SAVE_SECONDS:
            self._save()

    def _save(self) -> None:
        state_file.save(self._options.state, self._tracker.since, self._tracker.positions())
        self._saved_at = time.monotonic()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_POLL_SECONDS):
                await self._stop.wait()
        except TimeoutError:
            if time.monotonic() - self._saved_at >= _IDLE_SAVE_SECONDS:
                self._save()

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._reported_at >= _REPORT_SECONDS and self.counts.lines > self._reported_lines:
            self._reported_at, self._reported_lines = now, self.counts.lines
            _log.info("%s", self.counts.text(), extra={"action": "follow_progress"})

    def _report_rest(self) -> None:
        """Save, and log the rest of files that end in the middle of a line."""
        self._save()
        for tracked in self._tracker.files:
            rest = tracked.size - tracked.position.offset
            if rest > 0 and self._options.once:
                _log.warning(
                    "%s ends with %d bytes of an unfinished line, which is not read",
                    tracked.file.path,
                    rest,
                    extra={"action": "follow_unfinished_line"},
                )
