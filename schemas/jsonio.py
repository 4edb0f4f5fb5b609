"""Encoding and decoding of JSON bodies: camelCase names, money as exact numbers."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any, Final, TypeVar, cast

import msgspec

from schemas.exact import Exact
from schemas.money import Usd, nano_from_usd, raw_number
from schemas.numbers import number_from, read_number

T = TypeVar("T")

_TRUNCATED: Final = "Input data was truncated"
_MALFORMED: Final = "JSON is malformed: "
_UNIT_SUFFIXES: Final = ("_seconds", "_ms", "_usd", "_percent")


def wire_name(name: str) -> str:
    """Return the JSON name of a field: `dailyLimit_usd` for `daily_limit_usd`."""
    suffix = next((unit for unit in _UNIT_SUFFIXES if name.endswith(unit)), "")
    head, *rest = name.removesuffix(suffix).split("_")
    return head + "".join(word.capitalize() for word in rest) + suffix


def _encode_custom(value: object) -> object:
    if isinstance(value, Usd):
        return raw_number(value.nano)
    if isinstance(value, Exact):
        return value.raw()
    raise NotImplementedError(f"no JSON form for {type(value).__name__}")


def _decode_custom(kind: type, value: Any) -> object:
    if kind is Usd:
        return Usd(nano_from_usd(number_from(value)))
    if kind is Exact:
        return Exact(number_from(value))
    return read_number(kind, value)


_encoder: Final = msgspec.json.Encoder(enc_hook=_encode_custom, decimal_format="number")


def encode(body: object) -> bytes:
    """Encode a body to JSON bytes; raises NotImplementedError for a type without a JSON form."""
    return _encoder.encode(body)


def decode(kind: type[T], text: bytes) -> T:
    """Decode JSON bytes into `kind`; raises msgspec.ValidationError or msgspec.DecodeError."""
    decoder: msgspec.json.Decoder[T] = _decoder(cast("Any", kind))
    return decoder.decode(text)


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, dec_hook=_decode_custom, float_hook=Decimal)


def json_error(error: Exception) -> str:
    """Return a short description of a decoding error, such as `it ends too soon`."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    message = str(error)
    return "it ends too soon" if message == _TRUNCATED else message.removeprefix(_MALFORMED)
