"""Measures how long a bot waits when it reports a usage: `python -m bench.emitter`.

The emitter's thread sends the events to a server in another process, or to one that never answers.
Reports come in a row, and one by one after a pause, when the caches of the processor hold the work
of other programs. For comparison, the JSON of such an event is measured alone.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Final, NamedTuple

from bench.machine import describe
from cost_analytics_emitter import Emitter

_USAGES: Final = 20_000
_PAUSED_USAGES: Final = 500
_PAUSE_SECONDS: Final = 0.02
_GZIP: Final = zlib.MAX_WBITS | 16
_NS_PER_US: Final = 1_000


class Latency(NamedTuple):
    """The time of one call, in microseconds."""

    p50: float
    p99: float


class _AcceptingHandler(BaseHTTPRequestHandler):
    """Accepts every batch, as the API does."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = zlib.decompress(body, _GZIP)
        accepted = [{"source": one["source"], "id": one["id"]} for one in json.loads(body)]
        response = json.dumps({"success": True, "data": {"accepted": accepted}}).encode()
        self.send_response(202)
        self.send_header("Content-Length", str(len(response)))
        self.end_headers()
        self.wfile.write(response)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def accepting_server() -> Iterator[str]:
    """Run a server in a process of its own; yields its address."""
    command = [sys.executable, "-m", "bench.emitter", "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@contextmanager
def silent_server() -> Iterator[str]:
    """Yield the address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def measure(url: str, usages: int, spool: Path | None = None, pause_seconds: float = 0) -> Latency:
    """Return the time that `usage()` takes, with a pause after each."""
    emitter = Emitter(url, "token", source="/bench", spool=spool, memory_bytes_max=256 * 1024**2)
    call = emitter.existing_call("call-1", user="alice")

    def report(number: int) -> object:
        metadata = {"turn": number}
        return call.usage("deepgram", "streaming_stt", 4.2, "seconds", metadata=metadata)

    found = _latency(report, usages, pause_seconds)
    emitter.close(0)
    return found


def _latency(work: Callable[[int], object], times: int, pause_seconds: float) -> Latency:
    times_ns = []
    for number in range(times):
        began_ns = time.perf_counter_ns()
        work(number)
        times_ns.append(time.perf_counter_ns() - began_ns)
        if pause_seconds:
            time.sleep(pause_seconds)
    times_ns.sort()
    return Latency(times_ns[times // 2] / _NS_PER_US, times_ns[times * 99 // 100] / _NS_PER_US)


def _encode_event(number: int) -> object:
    """Do the least that any emitter does: the time and the JSON of an event."""
    data = {"callId": "call-1", "usage": 4.2, "unit": "seconds", "metadata": {"turn": number}}
    return json.dumps({"time": datetime.now(UTC).isoformat(), "data": data}).encode()


def _serve() -> None:
    server = HTTPServer(("127.0.0.1", 0), _AcceptingHandler)
    print(server.server_port, flush=True)
    server.serve_forever()


def _report(usages: int) -> None:
    print(f"{describe()}\n")
    print("| microseconds | in a row: p50 | p99 | after a pause: p50 | p99 |")
    print("|---|--:|--:|--:|--:|")
    pauses = ((usages, 0.0), (_PAUSED_USAGES, _PAUSE_SECONDS))
    _print_row("the JSON of an event alone", [_latency(_encode_event, *each) for each in pauses])
    for server, running in (("accepts", accepting_server), ("hangs", silent_server)):
        for kept in ("in memory", "with a spool"):
            found = []
            for number, pause_seconds in pauses:
                with running() as url, tempfile.TemporaryDirectory() as directory:
                    spool = Path(directory) if kept == "with a spool" else None
                    found.append(measure(url, number, spool, pause_seconds))
            _print_row(f"`usage()`, the server {server}, {kept}", found)


def _print_row(name: str, found: Sequence[Latency]) -> None:
    figures = " | ".join(f"{each:.1f}" for latency in found for each in latency)
    print(f"| {name} | {figures} |", flush=True)


def main() -> None:
    """Print the table, or serve for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--usages", type=int, default=_USAGES, help="reports in a row")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        _serve()
    else:
        _report(options.usages)


if __name__ == "__main__":
    main()
