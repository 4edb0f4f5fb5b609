"""A backup on disk: a dump in PostgreSQL's custom format and its manifest.

The manifest is written last and renamed into place: a backup with a manifest is complete.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from cost_analytics.failures import CommandError
from ledger.operations.backups import BackupContents

FORMAT: Final = 1
_CHUNK_BYTES: Final = 1024 * 1024
_SUFFIX: Final = ".dump"


class BackupManifest(msgspec.Struct, frozen=True):
    """Describes a backup. `digest` is the dump's SHA-256.

    `server_version` is PostgreSQL's as a number, such as 160014.
    """

    format: int
    program_version: str
    server_version: int
    dump: str
    dump_bytes: int
    digest: str
    contents: BackupContents


def choose_path(destination: str, now: datetime) -> Path:
    """Return the path of a new dump: `destination`, or a new name in it if it is a directory.

    Raises CommandError if the path exists or its directory cannot be created.
    """
    path = Path(destination)
    if path.is_dir() or destination.endswith(os.sep):
        path /= f"cost-analytics-{now:%Y%m%dT%H%M%SZ}{_SUFFIX}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{path.parent} cannot be created: {error.strerror}.") from None
    if path.exists() or manifest_path(path).exists():
        raise CommandError(f"{path} exists already; choose another name.")
    return path


def manifest_path(dump: Path) -> Path:
    """Return the path of a dump's manifest."""
    return dump.with_name(f"{dump.name}.json")


def unfinished_path(path: Path) -> Path:
    """Return the path at which a file is written before it is renamed to `path`."""
    return path.with_name(f".{path.name}.unfinished")


def digest_of(path: Path, on_progress: Callable[[int], None]) -> str:
    """Return the SHA-256 of a file; `on_progress` receives the number of bytes read so far."""
    digest, read = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            read += len(chunk)
            on_progress(read)
    return digest.hexdigest()


def write_manifest(dump: Path, manifest: BackupManifest) -> None:
    """Write the manifest of a dump atomically."""
    unfinished = unfinished_path(manifest_path(dump))
    with unfinished.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(manifest_path(dump))


def read_manifest(dump: Path) -> BackupManifest:
    """Return the manifest of a dump; raises CommandError if the backup is not complete."""
    path = manifest_path(dump)
    if not dump.is_file():
        raise CommandError(f"{dump} does not exist; name the dump that `backup` wrote.")
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=BackupManifest)
    except OSError as error:
        raise CommandError(
            f"{path} cannot be read ({error.strerror}); a backup without it is not complete."
        ) from None
    except msgspec.DecodeError as error:
        raise CommandError(f"{path} is not the manifest of a backup: {error}.") from None
    if manifest.format != FORMAT:
        raise CommandError(f"{path} has format {manifest.format}; this program supports {FORMAT}.")
    return manifest


def check_dump(dump: Path, manifest: BackupManifest, on_progress: Callable[[int], None]) -> None:
    """Raise CommandError if the dump does not match its manifest."""
    size = dump.stat().st_size
    if size != manifest.dump_bytes or digest_of(dump, on_progress) != manifest.digest:
        raise CommandError(
            f"{dump} is damaged: its {size:,} bytes do not match its manifest. "
            "Restore another backup."
        )
