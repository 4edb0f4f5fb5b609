"""Runs an example against the running instance and compares what it reported with the ledger."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from cost_analytics.configuration.dev_file import DEV_FILE
from cost_analytics.configuration.tree import Settings
from cost_analytics.failures import CommandError
from cost_analytics.minimal_environment import minimal_environment
from cost_analytics.tokens import mint
from devkit.demo.ways import EMITTER_PATH, SETUP_INTEGRATIONS, Way
from devkit.dev.http import get
from devkit.embedded.foreground import print_line
from devkit.embedded.processes import Program, ServerProcess
from devkit.simulation.participants import DEMO_USER

_TOKEN_SECONDS: Final = 86_400
_EXAMPLE_SECONDS_MAX: Final = 300
_COUNTED_SECONDS_MAX: Final = 60
_POLL_SECONDS: Final = 0.2
_OPERATOR: Final = "make demo"
_COST_LINE: Final = re.compile(r"^call (\S+) costs (\d+(?:\.\d+)?) USD$", re.MULTILINE)


class ExampleCall(NamedTuple):
    """A call of an example, and the API costs that it must have."""

    call_id: str
    usd: Decimal


def install_needs(way: Way) -> None:
    """Install what the example needs; raises CommandError."""
    if not way.path.exists():
        raise CommandError(f"{way.path} is missing: demonstrations need a checkout of the source.")
    if way.needs_integrations and subprocess.run(SETUP_INTEGRATIONS, check=False).returncode != 0:
        raise CommandError("The voice frameworks could not be installed; the reason is above.")


async def demonstrate(way: Way, settings: Settings) -> None:
    """Run the example of a way and print its calls as the ledger has them.

    Raises CommandError if the example fails, or if a call has other costs than it reported.
    """
    port = settings.api.port
    base = f"http://127.0.0.1:{port}"
    token = mint(settings.tokens, DEMO_USER, ttl_seconds=_TOKEN_SECONDS)
    key = await _new_key(settings, f"demo-{way.name}")
    words = [*way.arguments, "--url", base, "--token", key]
    if way.needs_admin:
        admin = mint(settings.tokens, _OPERATOR, role="admin", ttl_seconds=_TOKEN_SECONDS)
        words += ["--admin-token", admin]
    print_line("")
    print_line(f"Running examples/{way.program}: {way.summary}.")
    for call in reported_calls(await _output_of(way, words)):
        body = await _wait_for_costs(port, token, call)
        _print_call(call, body, f"{base}/calls/{call.call_id}#token={token}")


def reported_calls(output: str) -> list[ExampleCall]:
    """Return the calls that an example reported; raises CommandError if there are none."""
    calls = [ExampleCall(call_id, Decimal(usd)) for call_id, usd in _COST_LINE.findall(output)]
    if not calls:
        raise CommandError("The example printed no line of the form: call ID costs AMOUNT USD")
    return calls


async def _new_key(settings: Settings, service: str) -> str:
    """Create a key for the example; keys of earlier runs are revoked."""
    from ledger.operations.api_keys import add_key, list_keys, revoke_key
    from ledger.postgres.database import connected

    async with connected(settings.database_url.reveal(), name="cost-analytics demo") as db:
        for key in await list_keys(db):
            if key.service == service and key.revoked_at is None:
                await revoke_key(db, key.key_id, revoked_by=_OPERATOR)
        secret, _ = await add_key(db, service, ["ingest", "read"], created_by=_OPERATOR)
    return secret


async def _output_of(way: Way, words: Sequence[str]) -> str:
    """Run the example, print its output as it appears, and return it."""
    log = DEV_FILE.parent.absolute() / "logs" / f"demo-{way.name}.log"
    log.unlink(missing_ok=True)
    process = ServerProcess(
        Program(
            name=f"examples/{way.program}",
            command=[way.python, str(way.path), *words],
            log=log,
            environment=minimal_environment(PYTHONPATH=str(EMITTER_PATH), PYTHONUNBUFFERED="1"),
        )
    )
    await process.start()
    try:
        async with asyncio.timeout(_EXAMPLE_SECONDS_MAX):
            await _echo_until_end(process, log)
    except TimeoutError:
        raise CommandError(
            f"{process.program.name} took more than {_EXAMPLE_SECONDS_MAX} s."
        ) from None
    finally:
        await process.kill()
    if process.returncode != 0:
        raise CommandError(process.exit_report())
    return log.read_text(errors="replace")


async def _echo_until_end(process: ServerProcess, log: Path) -> None:
    printed = 0
    ending = asyncio.create_task(process.wait())
    while True:
        # Read after the end was seen: nothing is written later.
        has_ended = ending.done()
        lines = _lines_of(log)
        complete = lines if has_ended else lines[:-1]
        for line in complete[printed:]:
            print_line(f"  {line}")
        printed = max(printed, len(complete))
        if has_ended:
            return
        await asyncio.sleep(_POLL_SECONDS)


def _lines_of(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()


async def _wait_for_costs(port: int, token: str, call: ExampleCall) -> Mapping[str, Any]:
    """Return the call's costs once they are what was reported; raises CommandError after a time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _COUNTED_SECONDS_MAX
    while True:
        status, text = await get(port, f"/api/costs/call/{call.call_id}", token)
        if status == 200:
            body: Mapping[str, Any] = json.loads(text, parse_float=Decimal)["data"]
            if body["totalApiCost"] == call.usd and body["status"] != "active":
                return body
        if loop.time() > deadline:
            found = body["totalApiCost"] if status == 200 else text.strip() or "no response"
            raise CommandError(
                f"The call {call.call_id} should have API costs of {call.usd} USD "
                f"after {_COUNTED_SECONDS_MAX} s; the ledger has: {found}"
            )
        await asyncio.sleep(_POLL_SECONDS)


def _print_call(call: ExampleCall, body: Mapping[str, Any], address: str) -> None:
    services = {name: usd for name, usd in body["costByService"].items() if usd}
    width = max(map(len, services), default=0)
    print_line("")
    print_line(f"Counted for the call {call.call_id}, which is {body['status']}:")
    for service, usd in services.items():
        print_line(f"  {service:{width}}  {usd} USD")
    print_line(f"  API costs {body['totalApiCost']} USD, reported {call.usd} USD: difference 0")
    print_line(f"  all costs {body['totalCost']} USD, charged {body['chargedToUser']} USD")
    print_line("")
    print_line("The call on the dashboard:")
    print_line(address)
