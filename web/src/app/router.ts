// The pages and their addresses; the API serves the same HTML for each (api/dashboard.py).
// The query contains the user, period, filters and order of a page: see address-state.ts.
import { createRouter, createWebHistory, type Router } from "vue-router";

const LOADING_MS_MAX = 2_000;

/** Waits until the page has this height, because its data load later; gives up after a limit. */
async function untilPageReaches(height: number): Promise<void> {
  const until = performance.now() + LOADING_MS_MAX;
  while (document.documentElement.scrollHeight < height && performance.now() < until)
    await new Promise(requestAnimationFrame);
}

export function makeRouter(): Router {
  const router = createRouter({
    history: createWebHistory(),
    // Within a page the browser scrolls to the anchor. Back and forward restore the position. A page
    // with a linked anomaly scrolls to it once it is loaded.
    scrollBehavior: async (to, from, saved) => {
      if (!saved || to.query["anomaly"]) return to.path === from.path ? false : { top: 0 };
      await untilPageReaches(saved.top + window.innerHeight);
      return saved;
    },
    routes: [
      {
        path: "/",
        name: "live",
        component: () => import("../live/LivePage.vue"),
        meta: { title: "Live" },
      },
      {
        path: "/spending",
        name: "spending",
        component: () => import("../spending/SpendingPage.vue"),
        meta: { title: "Spending" },
      },
      {
        path: "/outlook",
        name: "forecast",
        component: () => import("../forecast/ForecastPage.vue"),
        meta: { title: "Forecast" },
      },
      {
        path: "/calls/:callId",
        name: "call",
        component: () => import("../calls/CallPage.vue"),
        meta: { title: "Call" },
        props: true,
      },
      {
        path: "/budget",
        name: "budget",
        component: () => import("../budget/BudgetPage.vue"),
        meta: { title: "Budget" },
      },
      {
        path: "/everyone",
        name: "all-users",
        component: () => import("../all-users/AllUsersPage.vue"),
        meta: { title: "All users" },
      },
      {
        path: "/prices",
        name: "prices",
        component: () => import("../prices/PricesPage.vue"),
        meta: { title: "Prices" },
      },
      {
        path: "/connect",
        name: "connect",
        component: () => import("../connect/ConnectPage.vue"),
        meta: { title: "Connect" },
      },
      {
        path: "/control",
        name: "control",
        component: () => import("../control/ControlPage.vue"),
        meta: { title: "Control" },
      },
      {
        path: "/docs",
        name: "docs",
        component: () => import("../api-docs/ApiDocsPage.vue"),
        meta: { title: "API", public: true },
      },
      {
        path: "/docs/messages",
        name: "messages",
        component: () => import("../api-docs/MessagesPage.vue"),
        meta: { title: "Messages", public: true },
      },
      {
        path: "/:rest(.*)",
        name: "not-found",
        component: () => import("./NotFoundPage.vue"),
        meta: { title: "Page not found", public: true },
      },
    ],
  });
  router.afterEach((to, from) => {
    document.title = `${String(to.meta["title"])} · Cost Analytics`;
    // Moves the focus to the new page's heading, for screen readers and keyboards.
    if (from.matched.length && from.path !== to.path)
      requestAnimationFrame(() => document.querySelector("h1")?.focus());
  });
  return router;
}
