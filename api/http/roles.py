"""The roles of callers, as tokens name them."""

from typing import Literal

Role = Literal["user", "admin", "service"]
