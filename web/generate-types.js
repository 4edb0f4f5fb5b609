// Generates src/api/schema.ts, the types of the API's bodies, from an OpenAPI document:
//
//   node generate-types.js DOCUMENT            writes the file
//   node generate-types.js DOCUMENT --check    only says whether the file is current
//
// `tools/web types` makes the document and runs this.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const FILE = new URL("src/api/schema.ts", import.meta.url);
const HEAD = `\
// Generated from the OpenAPI document by \`tools/web types\`. Do not edit.
// Every number that the API sends is a \`Decimal\`: the client keeps its digits as text.
import type { Decimal } from "./json";

`;
const SCHEMA = "#/components/schemas/";

/** Returns the names of the schemas that a part of the document refers to, directly or not. */
function namesIn(part, schemas, names = new Set()) {
  if (part === null || typeof part !== "object") return names;
  for (const value of Object.values(part)) {
    const name =
      typeof value === "string" && value.startsWith(SCHEMA) && value.slice(SCHEMA.length);
    if (!name) namesIn(value, schemas, names);
    else if (!names.has(name)) namesIn(schemas[name], schemas, names.add(name));
  }
  return names;
}

/** Returns a copy without descriptions, so that a change of wording changes no types. */
function withoutTexts(document) {
  return JSON.parse(JSON.stringify(document), (key, value) =>
    ["description", "title"].includes(key) && typeof value === "string" ? undefined : value,
  );
}

/** Returns the source text of the types. */
async function typesOf(document) {
  const { info, openapi, paths, components } = withoutTexts(document);
  const { schemas } = components;
  const operations = Object.values(paths).flatMap((path) => Object.values(path));
  const sent = namesIn(
    operations.map((operation) => [operation.responses, operation["x-websocket"]?.sent]),
    schemas,
  );
  const decimal = ts.factory.createTypeReferenceNode("Decimal");
  const ast = await openapiTS(
    { openapi, info: { title: "", ...info }, paths: {}, components: { schemas } },
    {
      rootTypes: true,
      rootTypesNoSchemaPrefix: true,
      defaultNonNullable: false,
      transform: ({ type }, { path }) =>
        (type === "number" || type === "integer") &&
        sent.has(path.slice(SCHEMA.length).split("/")[0])
          ? decimal
          : undefined,
    },
  );
  return HEAD + astToString(ast);
}

const [source, option] = process.argv.slice(2);
const types = await typesOf(JSON.parse(await readFile(source, "utf8")));
if (option !== "--check") await writeFile(FILE, types);
else if ((await readFile(FILE, "utf8").catch(() => "")) !== types) {
  console.error("web/src/api/schema.ts is not current: run `tools/web types` and commit it");
  process.exitCode = 1;
}
