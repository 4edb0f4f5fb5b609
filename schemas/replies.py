"""The envelope of every successful response of the REST API."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Success(Struct, Generic[T], kw_only=True):
    """`{"success": true, "data": …}`."""

    success: bool = True
    data: T
