"""Reads and validates the file of price sources named by `PRICE_SOURCES`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct
from yarl import URL

from streams.prices.genai_source import GenAiPrices
from streams.prices.reading import JsonPrices
from streams.prices.sources import AnySource

SOURCES_MAX: Final = 50
FILE_BYTES_MAX: Final = 256 * 1024
_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class SourcesError(Exception):
    """The file of sources is invalid; the message says why."""


class _File(Struct, forbid_unknown_fields=True):
    sources: Annotated[list[AnySource], Meta(max_length=SOURCES_MAX)]


def read_sources(file: str) -> list[AnySource]:
    """Return the sources in a file; raises SourcesError."""
    try:
        with Path(file).open("rb") as opened:
            text = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise SourcesError(f"{file} cannot be read: {error.strerror}.") from None
    if len(text) > FILE_BYTES_MAX:
        raise SourcesError(f"{file} has more than {FILE_BYTES_MAX} bytes.")
    try:
        sources = msgspec.json.decode(text, type=_File).sources
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourcesError(f"{file}: {error}.") from None
    names = [source.name for source in sources]
    if len(set(names)) != len(names) or not all(map(_is_name, names)):
        raise SourcesError(f"{file}: each source needs a unique name of 1 to 100 characters.")
    for source in sources:
        _check(source, file)
    return sources


def _is_name(name: str) -> bool:
    return 1 <= len(name) <= 100 and name.isprintable()


def is_secure(text: str) -> bool:
    """Return whether a URL is https, or http on this machine."""
    url = _url(text)
    return url.scheme == "https" or (url.scheme == "http" and url.host in _LOCAL)


def _url(text: str) -> URL:
    try:
        return URL(text)
    except ValueError:
        return URL()


def _check(source: AnySource, file: str) -> None:
    url = _url(source.url)
    if isinstance(source, GenAiPrices) and not source.url:
        return  # the list of the installed package
    if not is_secure(source.url):
        raise SourcesError(f"{file}: the url of {source.name} must be https.")
    if url.user or url.password:
        raise SourcesError(f"{file}: {source.name}: put the password in passwordFile, not in url.")
    if (source.username is None) != (source.password_file is None):
        raise SourcesError(f"{file}: {source.name} needs username and passwordFile, or neither.")
    if ":" in (source.username or ""):
        raise SourcesError(f"{file}: the username of {source.name} must not contain a colon.")
    if isinstance(source, JsonPrices) and not source.prices:
        raise SourcesError(f"{file}: {source.name} has no prices.")
