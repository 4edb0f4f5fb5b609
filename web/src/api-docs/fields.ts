// Flattens a schema into rows: field, type and description.
import { resolved, type OpenApi, type Schema } from "./openapi";

const DEEPEST = 4;

export interface Field {
  name: string;
  /** Nesting depth. */
  depth: number;
  type: string;
  says: string;
  required: boolean;
}

/** A schema's kind: alternatives, an object with fields, or a plain value. */
export interface Shape {
  title: string;
  says: string;
  type: string;
  fields: Field[];
  choices: Shape[];
}

/** Returns the `data` of the success envelope, or the schema unchanged. */
export function withoutEnvelope(
  schema: Schema,
  whole: OpenApi,
): { schema: Schema; isData: boolean } {
  const { properties } = resolved(schema, whole);
  return properties?.["success"] && properties["data"]
    ? { schema: properties["data"], isData: true }
    : { schema, isData: false };
}

export function shapeOf(schema: Schema, whole: OpenApi): Shape {
  const own = resolved(schema, whole);
  const choices = (own.anyOf ?? []).filter((one) => !isNull(one));
  return {
    title: own.title ?? typeOf(schema, whole),
    says: own.description ?? "",
    type: typeOf(schema, whole),
    fields: choices.length ? [] : fieldsOf(schema, whole, 0),
    choices: choices.length > 1 ? choices.map((one) => shapeOf(one, whole)) : [],
  };
}

function fieldsOf(schema: Schema, whole: OpenApi, depth: number): Field[] {
  const object = objectIn(schema, whole);
  if (!object?.properties || depth >= DEEPEST) return [];
  return Object.entries(object.properties).flatMap(([name, of]) => [
    {
      name,
      depth,
      type: typeOf(of, whole),
      says: objectIn(of, whole)?.description ?? "",
      required: object.required?.includes(name) ?? false,
    },
    ...fieldsOf(of, whole, depth + 1),
  ]);
}

/** Returns the object schema of a value, of its items or of its map values; null if there is none. */
function objectIn(schema: Schema, whole: OpenApi): Schema | null {
  const own = resolved(schema, whole);
  if (own.properties) return own;
  if (own.items) return objectIn(own.items, whole);
  if (typeof own.additionalProperties === "object")
    return objectIn(own.additionalProperties, whole);
  const objects = (own.anyOf ?? [])
    .map((one) => objectIn(one, whole))
    .filter((one) => one !== null);
  return objects.length === 1 ? objects[0]! : null;
}

const isNull = (schema: Schema): boolean => schema.type === "null";

/** Describes a type: "list of CallSummary", "time or null". */
export function typeOf(schema: Schema, whole: OpenApi): string {
  const own = resolved(schema, whole);
  if (own.anyOf) return own.anyOf.map((one) => typeOf(one, whole)).join(" or ");
  if (own.const !== undefined) return JSON.stringify(own.const);
  if (own.enum) return own.enum.map((one) => JSON.stringify(one)).join(" or ");
  if (own.items) return `list of ${typeOf(own.items, whole)}`;
  if (typeof own.additionalProperties === "object")
    return `by name: ${typeOf(own.additionalProperties, whole)}`;
  if (own.properties) return own.title ?? "object";
  if (own.format === "date-time") return "time";
  if (own.format === "date") return "date";
  return [own.type ?? "anything"].flat().join(" or ");
}

/** Describes a parameter's constraints. */
export function limitsOf({ minimum, maximum, ...rest }: Schema): string {
  const said = [];
  if (minimum !== undefined && maximum !== undefined) said.push(`${minimum} to ${maximum}`);
  if (rest.default !== undefined) said.push(`${JSON.stringify(rest.default)} by default`);
  return said.join(", ");
}
