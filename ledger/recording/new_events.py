"""Finds the new events of a batch: neither repeats nor conflicts."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.calls.rating import Incoming, original_event
from schemas.refusals import Refused


class NewEvents:
    """The new events of a batch by identity, the number of repeats, and the refused events.

    The first of several events with the same identity is applied first. Whether it is recorded or
    refused decides whether later ones are repeats, conflicts or corrected versions.
    """

    def __init__(self, events: Sequence[Incoming]) -> None:
        """Keep the first event of each identity as new."""
        self.by_identity = {event.identity: event for event in events}
        self.repeated = 0
        self.refused: list[tuple[Incoming, Refused]] = []
        self._later: dict[str, list[Incoming]] = {}
        if len(self.by_identity) < len(events):
            self.by_identity.clear()
            for event in events:
                if self.by_identity.setdefault(event.identity, event) is not event:
                    self._later.setdefault(event.identity, []).append(event)

    def drop_recorded(self, identity: str, fingerprint: int) -> None:
        """Drop the events of an identity that was recorded with this fingerprint."""
        for event in (self.by_identity.pop(identity), *self._later.pop(identity, ())):
            self._compare(event, fingerprint)

    def _compare(self, event: Incoming, fingerprint: int) -> None:
        if event.fingerprint == fingerprint:
            self.repeated += 1
        else:
            named = original_event(event)
            message = f"Event {named.id} of {named.source} was recorded with other content."
            self.refused.append((event, Refused("id_conflict", message)))

    def replace(self, refused: Sequence[tuple[Incoming, Refused]]) -> bool:
        """Replace refused events by later ones of the same identity with other content.

        A refused event does not use up its identity. Returns whether any was replaced.
        """
        replaced = False
        for event, why in refused:
            later = self._later.get(event.identity, [])
            corrected = [other for other in later if other.fingerprint != event.fingerprint]
            if corrected:
                same = [other for other in later if other.fingerprint == event.fingerprint]
                self.refused += [(one, why) for one in (event, *same)]
                self.by_identity[event.identity], *self._later[event.identity] = corrected
                replaced = True
        return replaced

    def refuse(self, refused: Sequence[tuple[Incoming, Refused]]) -> None:
        """Add the finally refused events with their repeats, and compare all other later events."""
        for event, why in refused:
            same = self._later.pop(event.identity, [])
            self.refused += [(one, why) for one in (event, *same)]
        for identity, later in self._later.items():
            for event in later:
                self._compare(event, self.by_identity[identity].fingerprint)
