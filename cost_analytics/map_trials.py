"""Applies a mapping to lines, and shows the results as text for people."""

from __future__ import annotations

from datetime import UTC, datetime

from api.mapping.assembly import checked_event
from api.mapping.errors import DocumentError
from api.mapping.language import DocumentMapping
from api.mapping.lines import documents_of_line


class Trial:
    """Collects the results of lines: `results` has one text for each event or reason."""

    def __init__(self, mapping: DocumentMapping, source: str) -> None:
        self._mapping = mapping
        self._source = source
        self.results: list[str] = []
        self.lines = self.events = self.ignored = self.refused = 0

    def add(self, name: str, line: bytes) -> None:
        """Try a line, or a body that is one document or a list of them."""
        self.lines += 1
        before = len(self.results)
        try:
            for document in documents_of_line(self._mapping, line):
                for mapped in self._mapping.events(document):
                    event_id = mapped.id or f"{name}/{mapped.key}"
                    event = checked_event(
                        mapped, source=self._source, event_id=event_id, now=datetime.now(UTC)
                    )
                    self.events += 1
                    self.results.append(f"{name}: {event.outgoing.value.decode()}")
        except DocumentError as error:
            self.refused += 1
            self.results.append(f"{name}: refused: {error}")
        if len(self.results) == before:
            self.ignored += 1
            self.results.append(f"{name}: no event")

    def summary(self) -> str:
        """Return the counts as a sentence."""
        return (
            f"{self.lines:,} tried: {self.events:,} events, {self.ignored:,} without events, "
            f"{self.refused:,} refused."
        )
