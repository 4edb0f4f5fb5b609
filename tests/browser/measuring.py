"""Measures a page as a browser loads it: layout shift, requests, transferred bytes, time to interactive."""

from dataclasses import dataclass

from playwright.async_api import CDPSession, Page

CPU_THROTTLING = 4
QUIET_MS = 2_000
FILES = {"Document", "Script", "Stylesheet", "Image", "Other"}
WAITED_MS_MAX = 90_000

OBSERVED = """(() => {
  window.shifts = [];
  window.longTasks = [];
  const keep = (type, to) => new PerformanceObserver((list) => to.push(...list.getEntries()))
    .observe({ type, buffered: true });
  keep("layout-shift", window.shifts);
  keep("longtask", window.longTasks);
})()"""
"""Keeps what browsers report only while it is observed."""

# A page is busy during tasks of more than 50 ms (the browser's "long tasks") and during requests.
INTERACTIVE = """async ([quiet, most]) => {
  for (;;) {
    const [painted] = performance.getEntriesByName("first-contentful-paint");
    const [page] = performance.getEntriesByType("navigation");
    const busy = [...window.longTasks, ...performance.getEntriesByType("resource")]
      .map(({ startTime, duration }) => [startTime, startTime + duration])
      .sort(([one], [other]) => one - other);
    let at = Math.max(painted?.startTime ?? Infinity, page.domContentLoadedEventEnd || Infinity);
    for (const [start, end] of busy) if (start < at + quiet) at = Math.max(at, end);
    if (performance.now() > at + quiet) return Math.round(at);
    if (performance.now() > most) return null;
    await new Promise((done) => setTimeout(done, 100));
  }
}"""
"""Milliseconds until the page is painted and has finished its work; null if it stays busy.

It has finished its work when no task and no request follows for a while.
"""

SHIFT = """() => {
  let [most, sum, first, last] = [0, 0, 0, 0];
  for (const { startTime, value, hadRecentInput } of window.shifts) {
    if (hadRecentInput) continue;
    const same = startTime - last < 1000 && startTime - first < 5000;
    [sum, first, last] = same ? [sum + value, first, startTime] : [value, startTime, startTime];
    most = Math.max(most, sum);
  }
  return Math.round(most * 1e6);
}"""
"""The largest session of shifts, in millionths."""


@dataclass(frozen=True, slots=True)
class PageFigures:
    """Figures of one load without a cache, until the page is interactive."""

    shift_millionths: int
    requests: int
    file_bytes: int
    """Headers and compressed bodies of the page, its scripts, styles and images."""
    data_bytes: int
    """The same of the API's responses; WebSocket messages are not included."""
    interactive_ms: int | None
    """With the CPU throttled by `CPU_THROTTLING`; None if the page stayed busy for `WAITED_MS_MAX`."""

    @property
    def interactive_text(self) -> str:
        """The time to interactive as text."""
        if self.interactive_ms is None:
            return f"not interactive within {WAITED_MS_MAX} ms"
        return f"interactive after {self.interactive_ms} ms"


async def measure_reload(page: Page) -> PageFigures:
    """Reload a page without its cache on a slow CPU; returns its figures."""
    await page.add_init_script(OBSERVED)
    session = await page.context.new_cdp_session(page)
    begun: set[str] = set()
    kinds: dict[str, str] = {}
    sizes: dict[str, int] = {}
    session.on("Network.requestWillBeSent", lambda one: begun.add(one["requestId"]))
    session.on(
        "Network.responseReceived", lambda one: kinds.update({one["requestId"]: one["type"]})
    )
    session.on(
        "Network.loadingFinished",
        lambda one: sizes.update({one["requestId"]: round(one["encodedDataLength"])}),
    )
    await session.send("Network.enable")
    await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    await session.send("Emulation.setCPUThrottlingRate", {"rate": CPU_THROTTLING})
    await page.reload()
    interactive_ms: int | None = await page.evaluate(INTERACTIVE, [QUIET_MS, WAITED_MS_MAX])
    shift_millionths: int = await page.evaluate(SHIFT)
    await session.detach()
    # Without what the page before the reload was still loading.
    sizes = {request: size for request, size in sizes.items() if request in begun}
    files = sum(size for request, size in sizes.items() if kinds.get(request) in FILES)
    return PageFigures(
        shift_millionths, len(sizes), files, sum(sizes.values()) - files, interactive_ms
    )


async def heap_bytes(session: CDPSession) -> int:
    """Return the size of a page's live JavaScript objects, after garbage collection."""
    await session.send("HeapProfiler.collectGarbage")
    size: float = (await session.send("Runtime.getHeapUsage"))["usedSize"]
    return round(size)
