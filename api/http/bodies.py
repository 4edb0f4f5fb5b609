"""Reads a JSON body into the shape a route expects, or says in a sentence what is wrong with it."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from aiohttp import web

from api.http.limits import read_body
from api.http.options import RequestLimits
from api.http.problems import invalid_body
from schemas.jsonio import decode, flaw_in_json

T = TypeVar("T")


async def read_json(request: web.Request, limits: RequestLimits, kind: type[T]) -> T:
    """Return the body of a request as `kind`; raises the Problem that says what is wrong."""
    return parsed(await read_body(request, limits), kind)


def parsed(body: bytes, kind: type[T]) -> T:
    """Return JSON as `kind`; raises the 400 Problem, naming the field."""
    if not body.strip():
        raise invalid_body("The body is empty.")
    try:
        return decode(kind, body)
    except msgspec.ValidationError as error:
        raise invalid_body(f"{error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid_body(f"The body is not JSON: {flaw_in_json(error)}.") from None
    except (ValueError, ArithmeticError):
        raise invalid_body("A number in the body cannot be read.") from None
