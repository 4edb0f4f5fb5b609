"""Runs one embedded server in a terminal until it is stopped or ends."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable

from devkit.embedded.ports import PortTakenError
from devkit.embedded.processes import ServerError
from devkit.embedded.server import EmbeddedServer


def print_line(line: str) -> None:
    """Print a line to the terminal, which may be closed by now."""
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def run_in_foreground(server: EmbeddedServer, announcement: Callable[[], str]) -> int:
    """Run `server` until Ctrl-C, SIGTERM, a closed terminal or its end.

    `announcement` is called once it serves. Returns the exit status: 0 after an orderly stop;
    otherwise the reason is on standard error.
    """
    try:
        return asyncio.run(_run(server, announcement))
    except (PortTakenError, ServerError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


async def _run(server: EmbeddedServer, announcement: Callable[[], str]) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    serving = asyncio.create_task(_serve(server, announcement))
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if serving.done():
        return serving.result()
    print_line("Stopping…")
    serving.cancel()
    await asyncio.wait({serving})
    return 0


async def _serve(server: EmbeddedServer, announcement: Callable[[], str]) -> int:
    async with server:
        print_line(announcement())
        await server.process.wait()
        raise ServerError(server.process.exit_report())
