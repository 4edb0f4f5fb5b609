"""Sends the costs of AI phone calls to Cost Analytics.

`Emitter` queues events and sends them from a background thread. It never blocks the call, and never
raises into it.
"""

from cost_analytics_emitter.call import Call, CallReference
from cost_analytics_emitter.counters import Counters
from cost_analytics_emitter.emitter import Emitter
from cost_analytics_emitter.reservations import Reservation
from cost_analytics_emitter.spool import SpoolInUseError
from cost_analytics_emitter.usage_counts import Usages, VendorUsageError
from cost_analytics_emitter.vendor_usages import (
    anthropic_usages,
    gemini_usages,
    livekit_realtime_usages,
    livekit_stt_usages,
    livekit_tts_usages,
    livekit_usages,
    openai_chat_usages,
    openai_realtime_usages,
    openai_responses_usages,
    openai_transcription_usages,
    pipecat_usages,
)
from cost_analytics_emitter.version import __version__

__all__ = [
    "Call",
    "CallReference",
    "Counters",
    "Emitter",
    "Reservation",
    "SpoolInUseError",
    "Usages",
    "VendorUsageError",
    "__version__",
    "anthropic_usages",
    "gemini_usages",
    "livekit_realtime_usages",
    "livekit_stt_usages",
    "livekit_tts_usages",
    "livekit_usages",
    "openai_chat_usages",
    "openai_realtime_usages",
    "openai_responses_usages",
    "openai_transcription_usages",
    "pipecat_usages",
]
