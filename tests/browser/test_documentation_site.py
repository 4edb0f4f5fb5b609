"""The documentation site: it builds without warnings and needs no other host."""

import functools
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from devkit.site.__main__ import BUILDER, build
from devkit.site.navigation import INDEX, navigation_of, pages_in
from devkit.site.sources import MissingTargetError, pages_of
from tests.support.house import ROOT
from tests.support.parts import skip_without

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEMPLATE = "docs/adr/0000-template.md"
RESOURCES = {"script", "link", "img", "source", "iframe", "embed", "object", "video", "audio"}
SECONDS_MAX = 100
_OUTSIDE = re.compile(r"^\s*(?:https?:)?//")
_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?\s*((?:https?:)?//[^"')\s]+)""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does."""
    _need_builder()
    directory = tmp_path_factory.mktemp("documentation") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "devkit.site", directory],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
        timeout=SECONDS_MAX,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stderr
    return directory


def _need_builder() -> None:
    if not BUILDER.exists():
        skip_without("the builder of the site", "install it by `tools/setup docs`")


class _Resources(HTMLParser):
    """Collects what a page loads from other hosts, and the number of what it loads at all."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            text = value or ""
            if tag in RESOURCES and name in {"src", "href", "srcset", "data", "poster"}:
                self.count += 1
                self.outside += [text] * bool(_OUTSIDE.match(text))
            elif name == "style":
                self.outside += _STYLE.findall(text)


async def test_every_document_is_a_page(site: Path) -> None:
    for page in pages_of(ROOT):
        path = Path(page).with_suffix(".html")
        assert (site / (path.with_name("index.html") if path.stem == "README" else path)).exists()


async def test_linked_files_folders_and_diffs_are_shown(site: Path) -> None:
    assert (site / "docker-compose.yml").read_bytes() == (ROOT / "docker-compose.yml").read_bytes()
    text = (site / "schemas" / "json" / "index.html").read_text(encoding="utf-8")
    assert 'href="call-total.schema.json"' in text
    for page in (site / "docs").glob("*.html"):
        assert "/json/README.md" not in page.read_text(encoding="utf-8"), page
    text = (site / "docs" / "extending.html").read_text(encoding="utf-8")
    for diff in (ROOT / "docs" / "extending").iterdir():
        first = diff.read_text(encoding="utf-8").split("\n", 1)[0]
        assert first in text, diff


async def test_tables_show_commands_without_escapes(site: Path) -> None:
    text = (site / "docs" / "commands.html").read_text(encoding="utf-8")
    assert "<code>token --user U [--role user|admin|service] [--ttl S]</code>" in text
    for page in (site / "docs").glob("*.html"):
        cells = re.findall(r"<td><code>(.*?)</code>", page.read_text(encoding="utf-8"))
        assert [cell for cell in cells if r"\|" in cell] == [], page


async def test_navigation_has_every_document() -> None:
    pages = pages_of(ROOT)
    entries = navigation_of((ROOT / INDEX).read_text(encoding="utf-8"), pages)
    linked = pages_in(entries)
    assert {page for page in pages if page.startswith("docs/")} - {INDEX, TEMPLATE} <= linked
    assert linked <= set(pages)
    assert [title for entry in entries for title in entry] == [
        "Start", "Concepts", "An event's way", "API", "Rules", "Operating", "Extending",
    ]  # fmt: skip


async def test_pages_load_nothing_from_other_hosts(site: Path) -> None:
    resources = 0
    for page in site.rglob("*.html"):
        parser = _Resources()
        text = page.read_text(encoding="utf-8")
        parser.feed(text)
        resources += parser.count
        styles = re.findall(r"<style[^>]*>(.*?)</style>", text, re.DOTALL)
        outside = parser.outside + [url for style in styles for url in _STYLE.findall(style)]
        assert outside == [], page
        # The theme would get the program that draws it from another host.
        assert 'class="mermaid"' not in text, page
    for sheet in site.rglob("*.css"):
        assert _STYLE.findall(sheet.read_text(encoding="utf-8")) == [], sheet
    assert resources > 500


@pytest.mark.parametrize(
    "link",
    ["[gone](gone.md)", "[gone](settings.md#gone)", "[gone](#gone)"],
    ids=["page", "anchor", "own-anchor"],
)
async def test_broken_link_fails_the_build(
    link: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _need_builder()
    root = _documents(tmp_path, "")
    assert build(root, tmp_path / "site") == 0
    root = _documents(tmp_path, link)
    capfd.readouterr()
    assert build(root, tmp_path / "broken") != 0
    assert "does not exist" in capfd.readouterr().err
    assert not (tmp_path / "broken").exists()


async def test_link_to_a_missing_file_fails_the_build(tmp_path: Path) -> None:
    root = _documents(tmp_path, "[gone](../examples/gone.py)")
    with pytest.raises(MissingTargetError, match=r"docs/README\.md: examples/gone\.py"):
        build(root, tmp_path / "site")


def _documents(directory: Path, link: str) -> Path:
    """Write two documents, the first with this link."""
    root = directory / "root"
    (root / "docs").mkdir(parents=True, exist_ok=True)
    (root / INDEX).write_text(f"# All\n\n1. **One**: [settings](settings.md).\n\n{link}\n")
    (root / "docs" / "settings.md").write_text("# Settings\n\n## Kafka\n\n[all](README.md#all)\n")
    return root


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Print nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The address of a server of the site."""
    handler = functools.partial(_QuietHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_search_and_pages_work_without_other_hosts(browser: Browser, address: str) -> None:
    page = await browser.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    for path in ("index.html", "docs/architecture.html", "docs/settings.html", "docs/api.html"):
        await page.goto(f"{address}/{path}", wait_until="networkidle")
        await expect(page.locator("h1").first).to_be_visible()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("KAFKA_BOOTSTRAP_SERVERS")
    await expect(
        page.locator("a[href*='settings.html']:visible", has_text="Kafka").first
    ).to_be_visible()
    assert requests
    assert [url for url in requests if not url.startswith((address, "data:", "blob:"))] == []
    await page.close()
