"""An S3-compatible server (S3Proxy, which checks signatures), and a proxy to it that fails."""

import asyncio
import fcntl
import hashlib
import io
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from aiohttp import ClientSession, DummyCookieJar, web

from devkit.embedded import kafka_jars
from devkit.embedded.environment import copy_environment
from devkit.embedded.ports import choose_port
from devkit.embedded.processes import ServerError
from tests.support import parts
from tests.support.house import ROOT

BUCKET: Final = "costs"
KEY_ID: Final = "exporter"
SECRET_KEY: Final = "wJalrXUtnFEMI-the-secret-of-the-exporter"

_JAR: Final = ROOT / ".local" / "s3proxy" / "s3proxy-4.1.0-jar-with-dependencies.jar"
_SHA256: Final = "a4d025969aaf796616ed4b1e2491d87d455ce84bb28cb9db086b2e6aaa68b48d"
_ARTIFACT: Final = "org.gaul:s3proxy:4.1.0:jar:jar-with-dependencies"
_COPY: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_SECONDS_MAX: Final = 60
_LARGEST_BODY: Final = 64 * 1024 * 1024
_CONFIGURATION: Final = """\
s3proxy.endpoint=http://127.0.0.1:{port}
s3proxy.authorization=aws-v4
s3proxy.identity={key_id}
s3proxy.credential={secret_key}
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir={objects}
"""

RequestKind = Literal["put", "create", "part", "complete", "abort"]
Fault: TypeAlias = int | Literal["cut", "lost", "hang"]
"""A status instead of the server's; a connection cut before, or after, the server; no answer."""


class ObjectStorage:
    """A running server with one bucket, whose objects are files of a directory."""

    def __init__(self, port: int, bucket: Path) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self._bucket = bucket

    def objects(self) -> dict[str, bytes]:
        """Return the contents of all objects by key."""
        return {
            str(path.relative_to(self._bucket)): path.read_bytes()
            for path in self._bucket.rglob("*")
            if path.is_file() and not self._is_part(path)
        }

    def parts(self) -> int:
        """Return the number of parts of uploads that are not complete."""
        return sum(path.is_file() and self._is_part(path) for path in self._bucket.rglob("*"))

    def put(self, key: str, content: bytes) -> None:
        """Store an object."""
        path = self._bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def clear(self) -> None:
        """Remove all objects and parts."""
        for path in self._bucket.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _is_part(self, path: Path) -> bool:
        """Return whether a file belongs to an upload under way."""
        return path.relative_to(self._bucket).parts[0].startswith((".mpu", ".s3proxy-mpu"))


@contextmanager
def running_storage(directory: Path) -> Iterator[ObjectStorage]:
    """Run the server; skips the test on a machine without Java or Maven."""
    java, port = _java(), choose_port()
    bucket, file = directory / "objects" / BUCKET, directory / "s3proxy.conf"
    bucket.mkdir(parents=True)
    file.write_text(
        _CONFIGURATION.format(
            port=port, key_id=KEY_ID, secret_key=SECRET_KEY, objects=bucket.parent
        )
    )
    command = [java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar", str(_JAR)]
    with (directory / "s3proxy.log").open("wb") as log:
        process = subprocess.Popen([*command, "--properties", file], stdout=log, stderr=log)
    try:
        _wait_until_it_answers(port, process)
        yield ObjectStorage(port, bucket)
    finally:
        process.kill()
        process.wait(60)


def _java() -> str:
    try:
        java = kafka_jars.find_java()
    except ServerError as error:
        parts.skip_without("Java", str(error))
    _JAR.parent.mkdir(parents=True, exist_ok=True)
    with (_JAR.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _JAR.exists():
            _fetch()
    return java


def _fetch() -> None:
    maven = shutil.which("mvn")
    if maven is None:
        parts.skip_without("Maven", "it fetches S3Proxy; install Debian's package maven")
    target = _JAR.parent / "unfinished"
    done = subprocess.run(
        [maven, "--batch-mode", _COPY, f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={target}"],
        capture_output=True,
        check=False,
        env=copy_environment(),
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    jar = target / _JAR.name
    assert hashlib.sha256(jar.read_bytes()).hexdigest() == _SHA256
    jar.rename(_JAR)


def _wait_until_it_answers(port: int, process: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + _SECONDS_MAX
    while time.monotonic() < ends and process.poll() is None:
        try:
            urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
        except HTTPError:
            return  # It wants a signature.
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("S3Proxy does not answer; see s3proxy.log")


class FailingStorage:
    """Passes requests on, except those that `fault_of` names by kind and number, from 1."""

    def __init__(self, target: str, fault_of: Callable[[RequestKind, int], Fault | None]) -> None:
        self.endpoint = ""
        self.requests: list[tuple[RequestKind, Fault | None]] = []
        self._target = target
        self._fault_of = fault_of
        self._session: ClientSession | None = None
        self._ended = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on, or fail."""
        kind = kind_of(request)
        number = 1 + sum(earlier == kind for earlier, _ in self.requests)
        fault = self._fault_of(kind, number)
        self.requests.append((kind, fault))
        if isinstance(fault, int):
            await request.read()
            return web.Response(status=fault)
        if fault == "hang":
            await self._ended.wait()
        if fault in {"hang", "cut"}:
            return self._cut(request)
        response = await self._pass_on(request)
        return self._cut(request) if fault == "lost" else response

    async def _pass_on(self, request: web.Request) -> web.Response:
        assert self._session is not None
        async with self._session.request(
            request.method,
            f"{self._target}{request.raw_path}",
            headers=request.headers,  # with the host, which is signed
            data=io.BytesIO(await request.read()),
            allow_redirects=False,
        ) as answer:
            kept = {"ETag", "Content-Type"} & answer.headers.keys()
            headers = {name: answer.headers[name] for name in kept}
            return web.Response(status=answer.status, headers=headers, body=await answer.read())

    def _cut(self, request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FailingStorage"]:
        """Serve during the block."""
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(application, shutdown_timeout=1)
        await runner.setup()
        port = choose_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.endpoint = f"http://127.0.0.1:{port}"
        async with ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as session:
            self._session = session
            try:
                yield self
            finally:
                self._ended.set()
                await runner.cleanup()


def kind_of(request: web.Request) -> RequestKind:
    """Return what a request of an upload is for."""
    query = request.query
    if request.method == "DELETE":
        return "abort"
    if request.method == "POST":
        return "create" if "uploads" in query else "complete"
    return "part" if "partNumber" in query else "put"
