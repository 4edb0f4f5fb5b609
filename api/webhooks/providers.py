"""The vendors whose webhooks are accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.webhooks.deliveries import Provider
from api.webhooks.retell import RETELL
from api.webhooks.vapi import VAPI

PROVIDERS: Final[Mapping[str, Provider]] = {provider.name: provider for provider in (VAPI, RETELL)}
"""By the name in the path of their addresses."""
