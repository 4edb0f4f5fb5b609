import { describe, expect, it, vi } from "vitest";
import { createApp } from "vue";
import { createMemoryHistory, createRouter } from "vue-router";
import { useFilterLinks } from "../spending/cost-filters";
import { nextSort, useCallList } from "./call-list";

const EMPTY = { render: () => null };
const SPAN = { start: "2026-11-01", end: "2026-11-15" };

async function at(address: string) {
  const routes = [{ path: "/spending", component: EMPTY }];
  const router = createRouter({ history: createMemoryHistory(), routes });
  await router.push(address);
  const app = createApp(EMPTY).use(router);
  const [list, link] = app.runWithContext(() => [useCallList(() => SPAN), useFilterLinks()]);
  return { router, list, link };
}

describe("a list of calls", () => {
  it("is the one in the address", async () => {
    const { list } = await at(
      "/spending?q=7f&status=failed&personaId=brad_001&service=stripe&sort=totalCost&day=2026-11-02",
    );
    expect(list.query.value).toEqual({
      span: { start: "2026-11-02", end: "2026-11-02" },
      q: "7f",
      status: "failed",
      filters: [
        ["personaId", "brad_001"],
        ["service", "stripe"],
      ],
      sort: "totalCost",
    });
    expect(list.isFiltered.value).toBe(true);
  });

  it("ignores invalid filters, and a day outside of the period", async () => {
    const { list } = await at("/spending?status=nonsense&sort=colour&day=2026-10-31&size=7");
    const none = { q: "", status: "", filters: [] };
    expect(list.query.value).toEqual({ span: SPAN, sort: "-createdAt", ...none });
    expect(list.size.value).toBe("25");
  });

  it("starts at the first row when a filter or the order changes", async () => {
    const { router, list } = await at("/spending?shown=75&period=7d");
    list.sort.value = "-totalCost";
    await vi.waitFor(() =>
      expect(router.currentRoute.value.fullPath).toBe("/spending?period=7d&sort=-totalCost"),
    );
    list.q.value = "a";
    list.status.value = "failed";
    await vi.waitFor(() => expect(list.query.value).toMatchObject({ q: "a", status: "failed" }));
    list.clear();
    await vi.waitFor(() => expect(list.isFiltered.value).toBe(false));
  });

  it("has links that add a filter", async () => {
    const { router, link } = await at("/spending?period=7d&sort=totalCost&shown=50");
    expect(router.resolve(link({ service: "stripe" })).fullPath).toBe(
      "/spending?period=7d&sort=totalCost&service=stripe",
    );
  });

  it("is sorted by a column in descending order first", () => {
    expect(nextSort("totalCost", "-createdAt")).toBe("-totalCost");
    expect(nextSort("totalCost", "-totalCost")).toBe("totalCost");
    expect(nextSort("totalCost", "totalCost")).toBe("-totalCost");
  });
});
