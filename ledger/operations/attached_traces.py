"""Finds traces whose usage an attached emitter reports, so that their spans do not count, too."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer

_SQL: Final = statements("operations/attached_traces")
_NO_VIEWER: Final = Viewer("")

CACHED_MAX: Final = 10_000


class AttachedTraces:
    """The traces that emitters declared. Found ones are cached: a declaration is permanent."""

    def __init__(self, readers: ReaderPool) -> None:
        self._readers = readers
        self._known: OrderedDict[str, None] = OrderedDict()

    async def find_attached(self, trace_ids: set[str]) -> set[str]:
        """Return those of `trace_ids` that are declared; raises StoreUnavailableError."""
        found = {trace_id for trace_id in trace_ids if trace_id in self._known}
        unknown = trace_ids - found
        if unknown:
            async with self._readers.reading(_NO_VIEWER) as connection:
                rows = await connection.fetch(*_SQL.bind("find", trace_ids=sorted(unknown)))
            for row in rows:
                self._known[row["trace_id"]] = None
                found.add(row["trace_id"])
            while len(self._known) > CACHED_MAX:
                self._known.popitem(last=False)
        return found
