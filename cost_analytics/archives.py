"""Words what may go wrong with the files of the archive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cost_analytics.failures import CommandError

INSTALL = "pip install 'cost-analytics[archive]'"


@contextmanager
def using_archive() -> Iterator[None]:
    """Turn a missing pyarrow, and a file that fails, into a CommandError."""
    from ledger.operations.archive_files import ArchiveFileError

    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        raise CommandError(f"The archive needs pyarrow: {INSTALL}") from None
    except ArchiveFileError as error:
        raise CommandError(f"Nothing was changed: {error}.") from None
