// ESLint's and TypeScript's recommended rules; Prettier alone decides about layout.
import eslint from "@eslint/js";
import prettier from "eslint-config-prettier";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  { ignores: ["dist", "src/schema.ts", "src/operations.ts"] },
  eslint.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ["*.ts"] } } },
  },
  {
    files: ["*.js"],
    languageOptions: { globals: { URL: "readonly", console: "readonly", process: "readonly" } },
  },
  prettier,
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
);
