import { beforeEach, describe, expect, it, vi } from "vitest";
import { createApp, effectScope, nextTick, watch, type EffectScope } from "vue";
import { createMemoryHistory, createRouter, matchedRouteKey, type Router } from "vue-router";
import {
  anyText,
  choiceOf,
  queryOfUser,
  useAddressState,
  usePageLinks,
  wholeNumber,
} from "./address-state";

const ORDERS = ["time", "cost"] as const;
const EMPTY = { render: () => null };

let router: Router;
let scope: EffectScope;

/** Runs a composable as the frame around the pages does, or inside the page that is shown. */
function within<T>(use: () => T, isInPage = false): T {
  const app = createApp(EMPTY);
  app.use(router);
  const page = router.currentRoute.value.matched[0];
  if (isInPage) app.provide(matchedRouteKey, { value: page } as never);
  scope = effectScope();
  return scope.run(() => app.runWithContext(use)) as T;
}

beforeEach(async () => {
  const paths = ["/list", "/other"].map((path) => ({ path, component: EMPTY }));
  router = createRouter({ history: createMemoryHistory(), routes: paths });
  await router.push("/list?sort=cost&shown=40");
});

const address = (): string => router.currentRoute.value.fullPath;
const reaches = (expected: string): Promise<void> =>
  vi.waitFor(() => expect(address()).toBe(expected));

describe("state in the address", () => {
  it("is read from the address; the default replaces a missing or invalid one", async () => {
    const sort = within(() => useAddressState("sort", choiceOf(ORDERS), "time"));
    expect(sort.value).toBe("cost");
    await router.push("/list?sort=nonsense");
    expect(sort.value).toBe("time");
    await router.push("/list?sort=cost&sort=time");
    expect(sort.value).toBe("cost");
    await router.push("/list");
    expect(sort.value).toBe("time");
  });

  it("follows back and forward", async () => {
    const sort = within(() => useAddressState("sort", choiceOf(ORDERS), "cost"));
    sort.value = "time";
    await reaches("/list?sort=time&shown=40");
    router.back();
    await vi.waitFor(() => expect(sort.value).toBe("cost"));
    router.forward();
    await vi.waitFor(() => expect(sort.value).toBe("time"));
  });

  it("is one navigation for all values that are set together", async () => {
    const [sort, shown, text] = within(() => [
      useAddressState("sort", choiceOf(ORDERS), "time"),
      useAddressState("shown", wholeNumber(1, 100), 20),
      useAddressState("q", anyText, "", "replace"),
    ]);
    const seen: string[] = [];
    router.afterEach((to) => void seen.push(to.fullPath));
    text.value = "a b";
    sort.value = "time";
    shown.value = 60;
    await reaches("/list?shown=60&q=a+b");
    expect(seen).toHaveLength(1);
    router.back();
    await reaches("/list?sort=cost&shown=40");
  });

  it("adds no history entry with `replace`", async () => {
    await router.push("/other");
    await router.push("/list");
    const text = within(() => useAddressState("q", anyText, "", "replace"));
    text.value = "a";
    await reaches("/list?q=a");
    text.value = "";
    await reaches("/list");
    router.back();
    await reaches("/other");
  });

  it("keeps its value in a page that is left, and follows the address in the frame", async () => {
    const page = within(() => useAddressState("sort", choiceOf(ORDERS), "time"), true);
    const seen: string[] = [];
    scope.run(() => watch(page, (value) => seen.push(value)));
    const frame = within(() => useAddressState("sort", choiceOf(ORDERS), "time"));
    expect([page.value, frame.value]).toEqual(["cost", "cost"]);
    await router.push("/other");
    await nextTick();
    expect([page.value, frame.value]).toEqual(["cost", "time"]);
    expect(seen).toEqual([]);
  });

  it("reads whole numbers within their limits only", () => {
    const rows = wholeNumber(1, 100);
    expect(["1", "100", "0", "101", "-1", "1.5", "1e1", ""].map(rows.read)).toEqual([
      1,
      100,
      ...Array<null>(6).fill(null),
    ]);
  });
});

describe("the same page for another user", () => {
  it("keeps the filters, but neither the linked anomaly nor the number of loaded rows", async () => {
    await router.push("/list?user=alice&kind=day_spike&anomaly=7f&shown=40");
    const addressOf = (user: string | undefined) =>
      router.resolve({ query: queryOfUser(router.currentRoute.value.query, user) }).fullPath;
    expect(addressOf("bob")).toBe("/list?user=bob&kind=day_spike");
    expect(addressOf(undefined)).toBe("/list?kind=day_spike");
  });
});

describe("links to pages", () => {
  it("keep the user and the period, and nothing else of a page", async () => {
    await router.push("/list?user=ali%20ce&period=7d&sort=cost");
    const pageLink = within(usePageLinks);
    const address = router.resolve(pageLink("/other", { status: "failed" })).fullPath;
    expect(address).toBe("/other?user=ali+ce&period=7d&status=failed");
    expect(router.resolve(pageLink("/other", { user: "bob" })).fullPath).toBe(
      "/other?user=bob&period=7d",
    );
  });
});
