"""Turns errors of archive files into `CommandError`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cost_analytics.failures import CommandError

INSTALL_ARCHIVE_EXTRA: Final = "pip install 'cost-analytics[archive]'"


@contextmanager
def using_archive() -> Iterator[None]:
    """Raise CommandError for a missing pyarrow and for an archive file that cannot be used."""
    from ledger.operations.archive_files import ArchiveFileError

    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        raise CommandError(f"The archive needs pyarrow: {INSTALL_ARCHIVE_EXTRA}") from None
    except ArchiveFileError as error:
        raise CommandError(f"No changes were made: {error}.") from None
