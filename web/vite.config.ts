// Builds the dashboard into api/static, from where the API serves it; also runs its tests.
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

// Where `npm run dev` finds a running API.
const API = "http://127.0.0.1:8080";

// Used by the pages Forecast and All users, not by Live.
const ANOMALIES = /\/src\/anomalies\//;

// Used by the pages Spending and All users.
const FILTERS = /\/src\/spending\/(FilterBar|GroupsCard)/;

// Used by the pages Budget and All users.
const CHANNELS = /\/src\/channels\//;

// Used by pages with forms, keys, prices and calls, not by Live.
const PROMPTS = /\/src\/ui\/(ConfirmPrompt|ShownSecret|FormField|TextField)\./;

// Used by the two pages about the API.
const REFERENCE = /\/src\/api-docs\//;

// uPlot and the components that use it: pages without a chart do not load them.
const CHARTS = /uplot|\/(ChartFrame|StackedChart|DailyCostChart|plot)\./;

// The published client, from its source.
const CLIENT = new URL("../clients/typescript/src/index.ts", import.meta.url).pathname;

const APART = [CHARTS, ANOMALIES, FILTERS, PROMPTS, CHANNELS, REFERENCE];

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
          groups: [
            { name: "charts", test: CHARTS },
            {
              name: "shared",
              test: (id: string) => !APART.some((group) => group.test(id)),
              minShareCount: 2,
              priority: 1,
            },
            { name: "anomalies", test: ANOMALIES, minShareCount: 2 },
            { name: "filters", test: FILTERS, minShareCount: 2 },
            { name: "prompts", test: PROMPTS, minShareCount: 2 },
            { name: "channels", test: CHANNELS, minShareCount: 2 },
            { name: "reference", test: REFERENCE, minShareCount: 2 },
          ],
        },
      },
    },
  },
  server: { proxy: { "/api": { target: API, ws: true }, "/openapi.json": API } },
  test: { include: ["src/**/*.test.ts"], environment: "node", css: true },
});
