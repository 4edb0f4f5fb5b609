// Runs the tests of the client's own rules; tests/integration/clients runs it against the product.
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: {
    alias: { "cost-analytics-client": new URL("src/index.ts", import.meta.url).pathname },
  },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
