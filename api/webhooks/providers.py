"""The vendors whose webhooks are accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.webhooks.deepgram import DEEPGRAM
from api.webhooks.deliveries import WebhookProvider
from api.webhooks.elevenlabs import ELEVENLABS
from api.webhooks.litellm import LITELLM
from api.webhooks.mapped import MAPPED
from api.webhooks.retell import RETELL
from api.webhooks.telnyx import TELNYX
from api.webhooks.twilio import TWILIO
from api.webhooks.vapi import VAPI

_ALL: Final = (VAPI, RETELL, TWILIO, TELNYX, ELEVENLABS, DEEPGRAM, LITELLM, MAPPED)
PROVIDERS: Final[Mapping[str, WebhookProvider]] = {provider.name: provider for provider in _ALL}
"""By the name in the path of their addresses."""
