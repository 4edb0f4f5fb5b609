// Converts schemas to what the reference shows: rows of fields, and descriptions of types.
import { resolveReference, type ApiDocument, type Schema } from "./openapi";

const DEPTH_MAX = 4;

export interface SchemaField {
  name: string;
  /** Nesting depth. */
  depth: number;
  type: string;
  description: string;
  required: boolean;
}

/** What is shown of a schema: the fields of an object, alternatives, or only its type. */
export interface SchemaShape {
  title: string;
  description: string;
  type: string;
  fields: SchemaField[];
  choices: SchemaShape[];
}

/** Returns the schema of `data` in a success envelope; other schemas unchanged. */
export function withoutEnvelope(
  schema: Schema,
  api: ApiDocument,
): { schema: Schema; isData: boolean } {
  const { properties } = resolveReference(schema, api);
  return properties?.["success"] && properties["data"]
    ? { schema: properties["data"], isData: true }
    : { schema, isData: false };
}

export function shapeOf(schema: Schema, api: ApiDocument): SchemaShape {
  const own = resolveReference(schema, api);
  const choices = (own.anyOf ?? []).filter((choice) => !isNull(choice));
  return {
    title: own.title ?? typeOf(schema, api),
    description: own.description ?? "",
    type: typeOf(schema, api),
    fields: choices.length ? [] : fieldsOf(schema, api, 0),
    choices: choices.length > 1 ? choices.map((choice) => shapeOf(choice, api)) : [],
  };
}

function fieldsOf(schema: Schema, api: ApiDocument, depth: number): SchemaField[] {
  const object = objectIn(schema, api);
  if (!object?.properties || depth >= DEPTH_MAX) return [];
  return Object.entries(object.properties).flatMap(([name, field]) => [
    {
      name,
      depth,
      type: typeOf(field, api),
      description: objectIn(field, api)?.description ?? "",
      required: object.required?.includes(name) ?? false,
    },
    ...fieldsOf(field, api, depth + 1),
  ]);
}

/** Returns the object schema of a value, of its items or of its map values; null if there is none. */
function objectIn(schema: Schema, api: ApiDocument): Schema | null {
  const own = resolveReference(schema, api);
  if (own.properties) return own;
  if (own.items) return objectIn(own.items, api);
  if (typeof own.additionalProperties === "object") return objectIn(own.additionalProperties, api);
  const objects = (own.anyOf ?? [])
    .map((choice) => objectIn(choice, api))
    .filter((choice) => choice !== null);
  return objects.length === 1 ? objects[0]! : null;
}

const isNull = (schema: Schema): boolean => schema.type === "null";

/** Describes a type: "list of CallSummary", "time or null". */
export function typeOf(schema: Schema, api: ApiDocument): string {
  const own = resolveReference(schema, api);
  if (own.anyOf) return own.anyOf.map((choice) => typeOf(choice, api)).join(" or ");
  if (own.const !== undefined) return JSON.stringify(own.const);
  if (own.enum) return own.enum.map((choice) => JSON.stringify(choice)).join(" or ");
  if (own.items) return `list of ${typeOf(own.items, api)}`;
  if (typeof own.additionalProperties === "object")
    return `by name: ${typeOf(own.additionalProperties, api)}`;
  if (own.properties) return own.title ?? "object";
  if (own.format === "date-time") return "time";
  if (own.format === "date") return "date";
  return [own.type ?? "anything"].flat().join(" or ");
}

/** Describes the limits and the default of a parameter: "1 to 9, 5 by default". */
export function limitsOf({ minimum, maximum, ...rest }: Schema): string {
  const texts = [];
  if (minimum !== undefined && maximum !== undefined) texts.push(`${minimum} to ${maximum}`);
  if (rest.default !== undefined) texts.push(`${JSON.stringify(rest.default)} by default`);
  return texts.join(", ");
}
