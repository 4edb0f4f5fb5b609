"""Success responses: the envelope, and ETags for conditional requests.

A tag is a digest of the body, or the version of its rows and a scope, which is a digest of
everything else (ADR 0036). With a version, an unchanged body is neither read nor built.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, TypeVar

import msgspec
from aiohttp import web
from msgspec import Struct

from api.http.access import CALLER
from api.http.etags import client_etags, is_current
from api.http.problems import JSON_TYPE, forbidden
from api.http.report_cache import ReportCache
from ledger.postgres.versions import VersionedReport
from schemas.jsonio import encode
from schemas.replies import Success

T = TypeVar("T")

_TAG_BYTES: Final = 16
_VERSION: Final = re.compile(r"[0-9a-f]{64}")
_CODE: Final = ("api", "ledger", "schemas")


def reply(data: Struct, status: int = 200) -> web.Response:
    """Return a success response that must not be cached."""
    return _response(encode(Success(data=data)), {"Cache-Control": "no-store"}, status)


def tagged_reply(request: web.Request, data: Struct) -> web.Response:
    """Return 200 with an ETag, or 304 if the client has the current body.

    A client may cache the body but must revalidate it at each request.
    """
    body = encode(Success(data=data))
    tag = blake2b(body, digest_size=_TAG_BYTES).hexdigest()
    headers = _tag_headers(tag)
    if is_current(request, tag):
        return web.Response(status=304, headers=headers)
    return _response(body, headers)


def scope_of(request: web.Request, *parameters: object) -> str:
    """Return the digest of what a body depends on besides its rows.

    That is this release, the viewer, the route and its `parameters`, which must contain every date
    that follows from the clock.
    """
    named = (*request[CALLER].viewer, request.match_info.route.resource, *parameters)
    text = "\0".join(map(str, (code_digest(), *named)))
    return blake2b(text.encode(), digest_size=_TAG_BYTES).hexdigest()


async def versioned_reply(
    request: web.Request,
    scope: str,
    cache: ReportCache,
    read: Callable[[str], Awaitable[VersionedReport[T] | None]],
    body: Callable[[T], Struct],
) -> web.Response:
    """Return 200 with the body of a report, or 304 if the client has the current one.

    `read` gets the version that the client or the cache has, and returns the current version, with
    the report if the version differs; None, the 403 Problem, if the viewer may not see the report.
    """
    client_version, cached = _client_version(request, scope), cache.find(scope)
    versioned = await read(client_version or (cached.version if cached else ""))
    if versioned is None:
        raise forbidden()
    version, report = versioned
    tag = f"{version}-{scope}"
    headers = _tag_headers(tag)
    if version == client_version or is_current(request, tag):
        return web.Response(status=304, headers=headers)
    if report is not None:
        content = encode(Success(data=body(report)))
        cache.store(scope, version, content)
    elif cached is not None and cached.version == version:
        content = cached.body
    else:
        raise RuntimeError("only a version that was asked for comes without its report")
    return _response(content, headers)


@cache
def code_digest() -> str:
    """Return a digest of the code that builds response bodies: tags change with each release.

    Call it at the start, because the files may be replaced while the process runs.
    """
    digest = blake2b(msgspec.__version__.encode(), digest_size=_TAG_BYTES)
    for package in _CODE:
        for text in _sources(files(package)):
            digest.update(blake2b(text).digest())
    return digest.hexdigest()


def _sources(folder: Traversable) -> list[bytes]:
    """Return the modules and statements in a folder and its folders, sorted by name."""
    sources: list[bytes] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            sources += _sources(entry)
        elif entry.name.endswith((".py", ".sql")):
            sources.append(entry.name.encode() + b"\0" + entry.read_bytes())
    return sources


def _client_version(request: web.Request, scope: str) -> str:
    """Return the version of the rows that the client has for a scope; empty if it has none."""
    for etag in client_etags(request):
        version, _, tag_scope = etag.partition("-")
        if tag_scope == scope and _VERSION.fullmatch(version):
            return version
    return ""


def _tag_headers(tag: str) -> dict[str, str]:
    return {"Cache-Control": "private, no-cache", "ETag": f'"{tag}"'}


def _response(body: bytes, headers: dict[str, str], status: int = 200) -> web.Response:
    return web.Response(status=status, body=body, content_type=JSON_TYPE, headers=headers)
