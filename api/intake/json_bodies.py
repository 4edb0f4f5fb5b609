"""Decodes JSON that becomes events; errors have the codes of refused events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from schemas.jsonio import json_error
from schemas.refusals import Refused

T = TypeVar("T")


def decode_json(decode: Callable[[bytes], T], body: bytes) -> T:
    """Return the decoded body; raises Refused."""
    try:
        body.decode()
        return decode(body)
    except msgspec.ValidationError as error:
        raise Refused("invalid_event", f"{error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("invalid_json", f"The body is not JSON: {json_error(error)}.") from None
    except (ValueError, ArithmeticError):
        raise Refused("invalid_event", "A number in the body cannot be read.") from None
