// Builds the dashboard into api/static, from where the API serves it; also runs its tests.
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

// Where `npm run dev` finds a running API.
const API = "http://127.0.0.1:8080";

// Features that several pages use, but not the page Live or the sign-in: each gets its own file.
const FEATURES = {
  anomalies: /\/src\/anomalies\//,
  filters: /\/src\/spending\/(FilterBar|GroupsCard)/,
  channels: /\/src\/channels\//,
  budgets: /\/src\/budget\/(ScopedBudget|owner\.|scoped-form\.|form\.)/,
  reference: /\/src\/api-docs\//,
  forms: /\/src\/app\/submission\./,
};

// uPlot and the components that use it: pages without a chart do not load them.
const CHARTS = /uplot|\/(ChartFrame|StackedChart|plot)\./;

// Loaded first: the frame around the pages and the page Live.
const ENTRY = "/src/main.ts";
const FIRST_PAGE = "/src/live/LivePage.vue";

interface ModuleGraph {
  getModuleInfo(id: string): {
    importedIds: readonly string[];
    importers: readonly string[];
    dynamicImporters: readonly string[];
  } | null;
}

const loadedFirst = new Map<string, boolean>();

/** Whether a module is loaded first, or imported by such a module, directly or through others. */
function isLoadedFirst(id: string, modules: ModuleGraph): boolean {
  const known = loadedFirst.get(id);
  if (known !== undefined) return known;
  loadedFirst.set(id, false); // for cycles
  const path = id.replace(/\?.*$/, "");
  const first =
    path.endsWith(ENTRY) ||
    path.endsWith(FIRST_PAGE) ||
    (modules.getModuleInfo(id)?.importers ?? []).some((importer) =>
      isLoadedFirst(importer, modules),
    );
  loadedFirst.set(id, first);
  return first;
}

// The published client, from its source.
const CLIENT = new URL("../clients/typescript/src/index.ts", import.meta.url).pathname;

export default defineConfig({
  plugins: [vue()],
  resolve: { alias: { "cost-analytics-client": CLIENT } },
  define: {
    __VUE_OPTIONS_API__: "false",
    __VUE_PROD_DEVTOOLS__: "false",
  },
  build: {
    outDir: "../api/static",
    emptyOutDir: true,
    // No data: addresses, so that the content security policy needs no exception.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    rolldownOptions: {
      output: {
        // Few files: each request has headers, and larger files compress better.
        codeSplitting: {
          // A group also takes what its modules import, unless a group before it has it.
          groups: [
            {
              name: (id: string, modules: ModuleGraph) =>
                isLoadedFirst(id, modules) && !CHARTS.test(id) ? "shared" : null,
              debugName: "shared",
              minShareCount: 2,
              priority: 3,
            },
            { name: "charts", test: CHARTS, priority: 2 },
            ...Object.entries(FEATURES).map(([name, test]) => ({
              name,
              test,
              minShareCount: 2,
              priority: 1,
            })),
            { name: "pages", minShareCount: 2 },
          ],
        },
      },
    },
  },
  server: { proxy: { "/api": { target: API, ws: true }, "/openapi.json": API } },
  test: { include: ["src/**/*.test.ts"], environment: "node", css: true },
});
