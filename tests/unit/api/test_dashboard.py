"""The files of the dashboard, and the answer if they were not built."""

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.dashboard import PAGES
from api.http.options import BUILT_DASHBOARD, ApiOptions
from tests.support.api import ApiClient, served
from tests.support.house import ROOT
from tests.support.parts import skip_without

PAGE = b'<!doctype html><script type="module" src="/assets/app-1a2b.js"></script>' + b" " * 200
BROTLI = b"what the build compressed"
SCRIPT = b"console.log('a script that is long enough to be worth packing');" * 20


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiClient]:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_bytes(PAGE)
    (tmp_path / "assets" / "app-1a2b.js").write_bytes(SCRIPT)
    (tmp_path / "assets" / "app-1a2b.js.br").write_bytes(BROTLI)
    (tmp_path / "assets" / "icon-9.svg").write_bytes(b"<svg/>")
    (tmp_path / "assets" / "icon-9.svg.br").write_bytes(b"not smaller than the icon")
    async with served(options=ApiOptions(dashboard=tmp_path)) as api:
        yield api


PLAIN = {"Accept-Encoding": "identity"}


@pytest.mark.parametrize("page", PAGES)
async def test_pages_need_no_token_and_are_revalidated(api: ApiClient, page: str) -> None:
    response = await api.get(page.replace("{callId}", "a%2Fb"), headers=PLAIN)
    assert (response.status, response.body) == (200, PAGE)
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-cache"
    again = await api.get("/", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


async def test_content_security_policy_allows_no_other_origin(api: ApiClient) -> None:
    headers = (await api.get("/")).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


async def get_encoded(api: ApiClient, accepted: str) -> tuple[bytes, bytes]:
    """Return head and body of an asset, as they are sent to a client that accepts encodings."""
    raw = await api.raw(
        b"GET /assets/app-1a2b.js HTTP/1.1\r\nHost: a\r\n"
        b"Accept-Encoding: " + accepted.encode() + b"\r\nConnection: close\r\n\r\n"
    )
    head, _, body = raw.partition(b"\r\n\r\n")
    return head, body


async def test_assets_are_immutable_and_compressed(api: ApiClient) -> None:
    plain = await api.get("/assets/app-1a2b.js", headers=PLAIN)
    assert (plain.status, plain.body) == (200, SCRIPT)
    assert "immutable" in plain.headers["Cache-Control"]
    assert plain.headers["Vary"] == "Accept-Encoding"
    head, body = await get_encoded(api, "br;q=0, gzip")
    assert b"Content-Encoding: gzip" in head
    assert gzip.decompress(body) == SCRIPT
    assert len(body) < len(SCRIPT) // 2
    for accepted in ("gzip, deflate, br", "br;q=0.5,gzip"):
        head, body = await get_encoded(api, accepted)
        assert b"Content-Encoding: br\r\n" in head
        assert body == BROTLI
    icon = await api.get("/assets/icon-9.svg")
    assert (icon.status, icon.headers["Content-Type"]) == (200, "image/svg+xml")
    assert "Content-Encoding" not in icon.headers
    assert (await api.ask("HEAD", "/assets/app-1a2b.js")).body == b""


@pytest.mark.parametrize(
    "path",
    [
        "/assets/none.js",
        "/assets/app-1a2b.js.br",
        "/assets/..%2Findex.html",
        "/assets/%2e%2e",
        "/index.html",
        "/no",
    ],
)
async def test_other_paths_are_not_served(api: ApiClient, path: str) -> None:
    response = await api.get(path)
    assert (response.status, response.code) == (404, "not_found")


HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/no", "/spendings", "/calls/a/b", "/index.html"])
async def test_browser_gets_the_page_at_a_wrong_address(api: ApiClient, path: str) -> None:
    response = await api.get(path, headers=HTML)
    assert (response.status, response.body) == (404, PAGE)
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert (await api.ask("HEAD", path, headers=HTML)).status == 404


@pytest.mark.parametrize("path", ["/api/none", "/api/costs/none", "/assets/none.js"])
async def test_browser_gets_a_problem_at_a_wrong_address_of_the_api(
    api: ApiClient, path: str
) -> None:
    assert (await api.get(path, headers=HTML)).code == "not_found"
    assert (await api.ask("POST", "/no", headers=HTML)).code == "not_found"


async def test_missing_build_is_explained(tmp_path: Path) -> None:
    async with served(options=ApiOptions(dashboard=tmp_path / "nowhere")) as api:
        response = await api.get("/")
        assert response.status == 503
        assert response.headers["Content-Type"].startswith("text/plain")
        assert b"tools/web build" in response.body
        assert (await api.get("/health")).status == 200


def test_pages_match_the_routes_of_the_dashboard() -> None:
    router = (ROOT / "web" / "src" / "app" / "router.ts").read_text(encoding="utf-8")
    paths = re.findall(r'path: "(/[^:"]*(?::callId)?)"', router)
    assert [path.replace(":callId", "{callId}") for path in paths] == list(PAGES)


def test_built_page_has_no_inline_code() -> None:
    page = BUILT_DASHBOARD / "index.html"
    if not page.exists():
        skip_without("the built dashboard", "it is made by `tools/web build`")
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)
    assert "http://" not in text
    assert "https://" not in text
