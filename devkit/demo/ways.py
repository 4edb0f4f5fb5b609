"""The ways in which calls reach the product, each with an example of `examples/`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import devkit
from cost_analytics.failures import MISUSED, CommandError

_ROOT: Final = Path(devkit.__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Way:
    """One row: `make demo WAY=name` runs `program` with `--url URL --token KEY`.

    The program reports at least one call of the user `demo`, waits until its events are sent, and
    prints a line for each call, `call ID costs AMOUNT USD`: the sum of its API costs, computed from
    what it reported and the prices, as plain digits. It ends with status 0.
    """

    name: str
    program: str
    summary: str
    needs_integrations: bool = False
    """Runs in `.local/integrations`, where the voice frameworks are installed."""
    needs_admin: bool = False
    """Gets a token of an administrator, too: `--admin-token TOKEN`."""
    arguments: tuple[str, ...] = ()
    """Further arguments of the program."""

    @property
    def path(self) -> Path:
        return _ROOT / "examples" / self.program

    @property
    def python(self) -> str:
        """The interpreter that runs the example."""
        if self.needs_integrations:
            return str(_ROOT / ".local" / "integrations" / "bin" / "python")
        return sys.executable


WAYS: Final = (
    Way("python", "python_emitter.py", "a bot of your own, with the Python emitter"),
    Way("pipecat", "pipecat_bot.py", "a Pipecat bot, with one line", needs_integrations=True),
    Way("livekit", "livekit_agent.py", "an agent of LiveKit Agents", needs_integrations=True),
    Way("opentelemetry", "opentelemetry_bot.py", "OpenTelemetry traces", needs_integrations=True),
    Way("logs", "follow_logs.py", "the log of a bot that sends nothing itself"),
    Way("litellm", "litellm_callback.py", "a LiteLLM proxy with its callback", needs_admin=True),
    Way("any-service", "any_service.py", "any webhook, read by a mapping", needs_admin=True),
    *(
        Way(vendor, "vendor_webhooks.py", f"webhooks of {title}", needs_admin=True,
            arguments=("--vendor", vendor))
        for vendor, title in (
            ("vapi", "Vapi"), ("retell", "Retell"), ("twilio", "Twilio"), ("telnyx", "Telnyx"),
            ("elevenlabs", "ElevenLabs"), ("deepgram", "Deepgram"),
        )
    ),
)  # fmt: skip

EMITTER_PATH: Final = _ROOT / "clients" / "python"
SETUP_INTEGRATIONS: Final = (str(_ROOT / "tools" / "setup"), "integrations")


def way_named(name: str) -> Way:
    """Return a way; raises CommandError that lists all ways."""
    for way in WAYS:
        if way.name == name:
            return way
    raise CommandError(f"There is no way {name!r}. {list_of_ways()}", MISUSED)


def list_of_ways() -> str:
    """Return all ways, one a line."""
    width = max(len(way.name) for way in WAYS)
    rows = [f"  make demo WAY={way.name:{width}}   {way.summary}" for way in WAYS]
    return "\n".join(["These ways have a demonstration:", *rows])
