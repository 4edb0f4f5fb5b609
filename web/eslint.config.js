// Vue's and TypeScript's recommended rules; Prettier alone decides about layout.
import prettier from "eslint-config-prettier";
import vue from "eslint-plugin-vue";
import { defineConfigWithVueTs, vueTsConfigs } from "@vue/eslint-config-typescript";

export default defineConfigWithVueTs(
  vue.configs["flat/recommended"],
  vueTsConfigs.recommendedTypeChecked,
  prettier,
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
);
