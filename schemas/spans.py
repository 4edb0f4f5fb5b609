"""Ids of OpenTelemetry's spans, and the scopes of voice frameworks."""

from __future__ import annotations

import re
from typing import Final

is_trace_id: Final = re.compile(r"(?!0{32})[0-9a-f]{32}").fullmatch
"""Matches the id of a trace: 32 hexadecimal digits that are not all zero."""
is_span_id: Final = re.compile(r"(?!0{16})[0-9a-f]{16}").fullmatch
"""Matches the id of a span: 16 hexadecimal digits that are not all zero."""

PIPECAT_SCOPES: Final = ("pipecat", "pipecat.turn")
LIVEKIT_SCOPE: Final = "livekit-agents"
FRAMEWORK_SCOPES: Final = (*PIPECAT_SCOPES, LIVEKIT_SCOPE)
"""The instrumentation scopes of frameworks whose usage an attachment may report instead."""
