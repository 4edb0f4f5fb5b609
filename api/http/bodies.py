"""Decodes JSON bodies into the types that routes expect."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from aiohttp import web

from api.http.limits import read_body
from api.http.options import RequestLimits
from api.http.problems import invalid_body
from schemas.jsonio import decode, json_error

T = TypeVar("T")


async def read_json(request: web.Request, limits: RequestLimits, kind: type[T]) -> T:
    """Return the decoded body of a request; raises the Problem 400, 408, 413 or 415."""
    return parse_json(await read_body(request, limits), kind)


async def read_optional_json(request: web.Request, limits: RequestLimits, kind: type[T]) -> T:
    """Return the decoded body of a request, an empty one as `{}`; raises like `read_json`."""
    body = await read_body(request, limits)
    return parse_json(body if body.strip() else b"{}", kind)


def checked_reason(reason: str, if_empty: str) -> str:
    """Return a reason without the spaces around it; raises the 400 Problem.

    `if_empty` tells the client what an empty reason lacks.
    """
    if not (stripped := reason.strip()):
        raise invalid_body(f"`reason` is empty. {if_empty}")
    if "\0" in stripped:
        raise invalid_body("`reason` contains the character U+0000.")
    return stripped


def parse_json(body: bytes, kind: type[T]) -> T:
    """Return decoded JSON; raises the 400 Problem, which names the field."""
    if not body.strip():
        raise invalid_body("The body is empty.")
    try:
        return decode(kind, body)
    except msgspec.ValidationError as error:
        raise invalid_body(f"{error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid_body(f"The body is not JSON: {json_error(error)}.") from None
    except (ValueError, ArithmeticError):
        raise invalid_body("A number in the body cannot be read.") from None
