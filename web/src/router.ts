// The pages and their addresses; the API serves the same page for each (api/dashboard.py).
import { createRouter, createWebHistory, type Router } from "vue-router";
import NowPage from "./pages/NowPage.vue";

export function makeRouter(): Router {
  const router = createRouter({
    history: createWebHistory(),
    // Within a page the browser goes to where an address points.
    scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path ? false : { top: 0 }),
    routes: [
      { path: "/", name: "now", component: NowPage, meta: { title: "Now" } },
      {
        path: "/spending",
        name: "spending",
        component: () => import("./pages/SpendingPage.vue"),
        meta: { title: "Spending" },
      },
      {
        path: "/outlook",
        name: "outlook",
        component: () => import("./pages/OutlookPage.vue"),
        meta: { title: "Outlook" },
      },
      {
        path: "/calls/:callId",
        name: "call",
        component: () => import("./pages/CallPage.vue"),
        meta: { title: "Call" },
        props: true,
      },
      {
        path: "/budget",
        name: "budget",
        component: () => import("./pages/BudgetPage.vue"),
        meta: { title: "Budget" },
      },
      {
        path: "/everyone",
        name: "everyone",
        component: () => import("./pages/EveryonePage.vue"),
        meta: { title: "Everyone" },
      },
      {
        path: "/prices",
        name: "prices",
        component: () => import("./pages/PricesPage.vue"),
        meta: { title: "Prices" },
      },
      {
        path: "/docs",
        name: "docs",
        component: () => import("./pages/DocsPage.vue"),
        meta: { title: "API", public: true },
      },
      { path: "/:rest(.*)", redirect: "/" },
    ],
  });
  router.afterEach((to, from) => {
    document.title = `${String(to.meta["title"])} · Cost Analytics`;
    // A new page begins at its heading, for whoever reads it by ear or by keyboard.
    if (from.matched.length && from.path !== to.path)
      requestAnimationFrame(() => document.querySelector("h1")?.focus());
  });
  return router;
}
