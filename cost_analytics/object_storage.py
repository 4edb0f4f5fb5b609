"""Writes files to an S3-compatible object storage: an object is whole, or it is not there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from cost_analytics.failures import CommandError

if TYPE_CHECKING:
    from cost_analytics.configuration.storage_section import StorageSection

INSTALL: Final = "pip install 'cost-analytics[s3]'"

_SCHEME: Final = "s3"
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_FOLDER: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9!_.=()' -]+")
PART_BYTES_MIN: Final = 8 * 1024 * 1024
_PARTS_MAX: Final = 9_000
"""Storages take at most 10,000 parts of one object."""
_PARTS_AT_ONCE: Final = 4
_REQUEST_SECONDS_MAX: Final = 300
"""Long enough for the parts that are sent at once, on a slow line."""
_CODE: Final = re.compile(r"<Code>(\w+)</Code>")
_MESSAGE: Final = re.compile(r"<Message>([^<]*)</Message>")
_METADATA_SERVICE: Final = "169.254."
_CHECK_KEYS: Final = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_REMEDIES: Final = {
    "AccessDenied": "the key needs the rights s3:PutObject and s3:AbortMultipartUpload",
    "AuthorizationHeaderMalformed": "check AWS_REGION",
    "ExpiredToken": "the temporary keys have expired",
    "InvalidAccessKeyId": _CHECK_KEYS,
    "NoSuchBucket": "create the bucket first",
    "PermanentRedirect": "check AWS_REGION",
    "RequestTimeTooSkewed": "correct the clock of this machine",
    "SignatureDoesNotMatch": _CHECK_KEYS,
}


class Folder(NamedTuple):
    """A bucket, and a path in it that may be empty."""

    bucket: str
    path: str

    def url_of(self, name: str) -> str:
        """Return the address of an object in the folder."""
        return f"{_SCHEME}://{self.bucket}/{self.key_of(name)}"

    def key_of(self, name: str) -> str:
        """Return the key of an object in the folder."""
        return f"{self.path}/{name}" if self.path else name


def folder(url: str) -> Folder:
    """Parse `s3://BUCKET/PATH`; raises ValueError."""
    parts = urlsplit(url)
    path = parts.path.strip("/")
    if parts.scheme != _SCHEME or not _BUCKET.fullmatch(parts.netloc):
        raise ValueError(f"{url!r} is not an address like s3://BUCKET/PATH")
    if (
        parts.query
        or parts.fragment
        or not all(map(_FOLDER.fullmatch, path.split("/") * bool(path)))
    ):
        raise ValueError(
            f"the path in {url!r} has other characters than A-Z a-z 0-9 ! _ . = ( ) ' -"
        )
    return Folder(parts.netloc, path)


def require_client() -> None:
    """Raise CommandError if the optional client is not installed."""
    try:
        import obstore  # noqa: F401
    except ModuleNotFoundError:
        raise CommandError(f"Object storages need obstore: {INSTALL}") from None


async def upload(
    file: IO[bytes],
    size: int,
    to: Folder,
    name: str,
    section: StorageSection,
    retries: Mapping[str, Any] | None = None,
) -> str:
    """Write a file of `size` bytes as an object; returns its address.

    It replaces an earlier object. Large files are sent in parts, which become the object at the
    end. Requests that fail are repeated: ten times within three minutes, or as `retries` says.
    Raises CommandError.
    """
    from obstore import put_async
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    options: dict[str, Any] = {
        "endpoint": section.endpoint,
        "region": section.region,
        "access_key_id": section.key_id.reveal() or None,
        "secret_access_key": section.secret_key.reveal() or None,
        "session_token": section.session_token.reveal() or None,
    }
    store = S3Store(
        to.bucket,
        client_options={
            "allow_http": (section.endpoint or "").startswith("http:"),
            "timeout": timedelta(seconds=_REQUEST_SECONDS_MAX),
        },
        retry_config=dict(retries or {}),  # type: ignore[arg-type]
        **{option: value for option, value in options.items() if value is not None},
    )
    file.seek(0)
    try:
        await put_async(
            store,
            to.key_of(name),
            file,
            chunk_size=max(PART_BYTES_MIN, size // _PARTS_MAX + 1),
            max_concurrency=_PARTS_AT_ONCE,
        )
    except (BaseError, OSError) as error:
        where = section.endpoint or "Amazon S3"
        raise CommandError(f"{to.url_of(name)} was not written: {_reason(error, where)}.") from None
    return to.url_of(name)


def _reason(error: Exception, where: str) -> str:
    """Return the storage's error with a remedy, without keys and signatures."""
    text = str(error).partition("\n\nDebug source")[0]
    code = _CODE.search(text)
    if code is not None:
        message = _MESSAGE.search(text)
        description = f"{code[1]}: {message[1].rstrip('.')}" if message else code[1]
        remedy = _REMEDIES.get(code[1])
        return f"{where} answered {description}" + (f"; {remedy}" if remedy else "")
    if _METADATA_SERVICE in text:
        return "this machine has no keys; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    status = re.search(r"status code: (\d{3})", text)
    if status is not None:
        return f"{where} answered {status[1]}, and still does after several attempts"
    return f"{where} cannot be reached, or breaks connections: {text.rpartition(' - ')[2]}"
