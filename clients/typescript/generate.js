// Generates the types and the functions of the client from an OpenAPI document:
//
//   node generate.js DOCUMENT            writes src/schema.ts and src/operations.ts
//   node generate.js DOCUMENT --check    only says whether both files are current
//
// `tools/web types` makes the document and runs this.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const SCHEMA = "#/components/schemas/";
const HEAD = "// Generated from the OpenAPI document by `tools/web types`. Do not edit.\n";
const TYPES_HEAD = `\
${HEAD}// Every number that the API sends is a \`Decimal\`: the client keeps its digits as text.
import type { Decimal } from "./json.js";

`;
// Headers that the client itself sends, or that only other content types need.
const OWN_HEADERS = /^(If-None-Match|ce-.*)$/;

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

/** Returns the source text of the types of all bodies and messages. */
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
  return TYPES_HEAD + astToString(ast);
}

/** Returns the source text of one function for each operation. */
function operationsOf(document) {
  const used = new Set();
  const functions = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      // A WebSocket: LiveFeed opens it.
      .filter(([, operation]) => !operation["x-websocket"])
      .map(([method, operation]) => functionOf(document, path, method, operation, used)),
  );
  const imports = [...used].sort().map((name) => `  ${name},\n`);
  return `${HEAD}// One function for each operation; \`CostClient\` sends the requests.
import type { CostClient, Optional, RequestOptions } from "./client.js";
import type { Decimal } from "./json.js";
import type {
${imports.join("")}} from "./schema.js";
${functions.join("")}`;
}

function functionOf(document, path, method, operation, used) {
  const resolve = (part) => (part.$ref ? lookUp(document, part.$ref) : part);
  const parameters = (operation.parameters ?? [])
    .map(resolve)
    .filter(({ name }) => !OWN_HEADERS.test(name));
  const inputs = parameters.filter((parameter) => parameter.in !== "header");
  const fields = inputs.map(({ name, required, schema }) =>
    required ? `${name}: ${inputType(schema)};` : `${name}?: Optional<${inputType(schema)}>;`,
  );
  const media = operation.requestBody && resolve(operation.requestBody).content;
  const body = media && bodyType(media["application/json"].schema, used);
  if (body) fields.push(`body: ${body};`);
  const needsInput = Boolean(body) || inputs.some(({ required }) => required);
  const headers = parameters.filter((parameter) => parameter.in === "header");
  const lines = [
    `${operation.summary}: \`${method.toUpperCase()} ${path}\`.`,
    ...(headers.length
      ? [`Takes the header ${headers.map(({ name }) => `\`${name}\``).join(", ")}.`]
      : []),
  ];
  const result = resultType(operation, resolve, used);
  const send = result === "Response" ? "client.response" : `client.data<${result}>`;
  return `
/** ${lines.join(" ")} */
export const ${operation.operationId} = (
  client: CostClient,
  input${inputOf(fields, needsInput)},
  options?: RequestOptions,
): Promise<${result}> => ${send}("${method.toUpperCase()}", "${path}", input, options);
`;
}

function inputOf(fields, isRequired) {
  if (fields.length === 0) return "?: Record<string, never>";
  return `${isRequired ? "" : "?"}: { ${fields.join(" ")} }`;
}

/** The type of a parameter. An id is accepted as it is sent: digits. */
function inputType(schema) {
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.type === "integer") return "number | Decimal";
  if (schema.type === "boolean") return "boolean";
  if (schema.type === "array") return `readonly ${inputType(schema.items)}[]`;
  return "string";
}

function bodyType(schema, used) {
  if (schema.$ref) return nameOf(schema, used);
  if (schema.anyOf)
    return [...new Set(schema.anyOf.map((each) => bodyType(each, used)))].join(" | ");
  if (schema.type === "array") return `(${bodyType(schema.items, used)})[]`;
  return "Record<string, unknown>";
}

/** The type of `data`, or Response for a body that is not an envelope. */
function resultType(operation, resolve, used) {
  const [, success] = Object.entries(operation.responses).find(([status]) => status[0] === "2");
  const content = resolve(success).content ?? {};
  const reference = content["application/json"]?.schema;
  if (Object.keys(content).length !== 1 || !reference?.$ref) return "Response";
  const { data } = resolve(reference).properties ?? {};
  if (!data?.$ref) throw new Error(`${operation.operationId}: the envelope has no named data`);
  return nameOf(data, used);
}

function nameOf({ $ref }, used) {
  const name = $ref.slice(SCHEMA.length);
  used.add(name);
  return name;
}

function lookUp(document, reference) {
  return reference
    .split("/")
    .slice(1)
    .reduce((part, key) => part[key], document);
}

const [source, option] = process.argv.slice(2);
const document = JSON.parse(await readFile(source, "utf8"));
const files = { "schema.ts": await typesOf(document), "operations.ts": operationsOf(document) };
for (const [name, text] of Object.entries(files)) {
  const file = new URL(`src/${name}`, import.meta.url);
  if (option !== "--check") await writeFile(file, text);
  else if ((await readFile(file, "utf8").catch(() => "")) !== text) {
    console.error(
      `clients/typescript/src/${name} is not current: run \`tools/web types\` and commit it`,
    );
    process.exitCode = 1;
  }
}
