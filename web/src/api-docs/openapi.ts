// The parts of OpenAPI that our document uses, and lookups in it.

export interface Schema {
  $ref?: string;
  title?: string;
  description?: string;
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  examples?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
}

export interface Parameter {
  $ref?: string;
  name: string;
  in: "path" | "query" | "header";
  description: string;
  required?: boolean;
  schema: Schema;
}

interface Media {
  schema: Schema;
  example?: unknown;
}

export interface ApiResponse {
  $ref?: string;
  description: string;
  content?: Record<string, Media>;
}

interface OperationDefinition {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, ApiResponse>;
  security?: Record<string, unknown>[];
  "x-websocket"?: { sent: Schema; taken: Schema };
}

export interface OpenApi {
  info: { title: string; version: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, OperationDefinition>>;
}

/** One method of one path; only schemas are still references. */
export interface Operation {
  id: string;
  method: string;
  path: string;
  summary: string;
  description: string;
  isPublic: boolean;
  parameters: Parameter[];
  bodies: Record<string, Media>;
  responses: [status: string, response: ApiResponse][];
  socket: { sent: Schema; taken: Schema } | null;
}

/** The operations of one tag. */
export interface OperationGroup {
  name: string;
  description: string;
  operations: Operation[];
}

/** A document that schemas refer to: OpenAPI or AsyncAPI. */
export type ApiDocument = object;

/** Returns a part of the document, with a reference resolved. */
export function resolveReference<T extends { $ref?: string }>(part: T, api: ApiDocument): T {
  let resolved = part;
  while (resolved.$ref) {
    const names = resolved.$ref.replace("#/", "").split("/");
    resolved = names.reduce<unknown>(
      (parent, name) => (parent as Record<string, unknown>)[name],
      api,
    ) as T;
  }
  return resolved;
}

/** Returns the operations that contain all words of `search`, by tag. */
export function operationGroups(api: OpenApi, search = ""): OperationGroup[] {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, definition]) => ({ path, method, definition })),
  );
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return api.tags
    .map(({ name, description }) => ({
      name,
      description,
      operations: operations
        .filter(({ definition }) => definition.tags.includes(name))
        .map(({ path, method, definition }) => operationOf(path, method, definition, api))
        .filter((operation) => words.every((word) => textOf(operation, name).includes(word))),
    }))
    .filter((group) => group.operations.length);
}

function textOf(operation: Operation, tag: string): string {
  return `${operation.method} ${operation.path} ${operation.summary} ${operation.id} ${tag}`.toLowerCase();
}

function operationOf(
  path: string,
  method: string,
  definition: OperationDefinition,
  api: OpenApi,
): Operation {
  return {
    id: definition.operationId,
    method: method.toUpperCase(),
    path,
    summary: definition.summary,
    description: definition.description,
    isPublic: definition.security?.length === 0,
    parameters: (definition.parameters ?? []).map((parameter) => resolveReference(parameter, api)),
    bodies: definition.requestBody?.content ?? {},
    responses: Object.entries(definition.responses).map(([status, response]) => [
      status,
      resolveReference(response, api),
    ]),
    socket: definition["x-websocket"] ?? null,
  };
}
