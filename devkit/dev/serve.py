"""Runs the development instance: one per directory, ended by signals without leftovers."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Final

from cost_analytics import settings
from cost_analytics.configuration.dev_file import DEV_FILE
from cost_analytics.configuration.run_sections import DevSection
from cost_analytics.configuration.tree import Settings
from cost_analytics.failures import CommandError
from devkit.dev.lock import hold_lock

if TYPE_CHECKING:
    from devkit.dev.instance import Instance, WhenReady

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def serve(
    options: DevSection, when_ready: WhenReady | None = None, *, ends_then: bool = False
) -> int:
    """Run until a signal arrives, or with `ends_then` until `when_ready` is done.

    Returns 0 for an orderly end. Raises CommandError if it cannot start or a process ended by
    itself.
    """
    try:
        from devkit.dev.instance import Instance
        from devkit.dev.parts import PartEndedError
        from devkit.embedded.ports import PortTakenError, choose_port
        from devkit.embedded.processes import ServerError
    except ModuleNotFoundError as error:
        raise CommandError(
            f"{error.name} is not installed: pip install 'cost-analytics[dev]'"
        ) from None

    stop = asyncio.Event()

    async def on_ready(loaded: Settings) -> None:
        if when_ready is not None:
            await when_ready(loaded)
        if ends_then:
            stop.set()

    directory = DEV_FILE.parent.absolute()
    with hold_lock(directory / "dev.lock", f"http://127.0.0.1:{options.port}/"):
        try:
            choose_port(options.port)
            _report_ignored_settings()
            asyncio.run(_run_until_stopped(Instance(options, directory, on_ready), stop))
        except PortTakenError as error:
            raise CommandError(f"{error}, for instance: make run PORT=9000") from None
        except (ServerError, PartEndedError) as error:
            raise CommandError(str(error)) from None
    return 0


def _report_ignored_settings() -> None:
    from devkit.embedded.foreground import print_line

    ignored = settings.ignored_by_dev()
    if ignored:
        print_line(f"Ignored variables of the environment: {', '.join(ignored)}.")


async def _run_until_stopped(instance: Instance, stop: asyncio.Event) -> None:
    """Run the instance; the first signal stops it in order, the second one kills its processes."""

    def on_signal() -> None:
        if stop.is_set() and instance.parts is not None:
            instance.parts.kill()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, on_signal)
    await instance.run(stop)
