// Builds the request of a filled-in form and its curl command, and formats the response.
import { indentExact } from "cost-analytics-client";
import { shellQuoted } from "../format/shell";
import type { Operation } from "./openapi";

export interface FormValues {
  values: Record<string, string>;
  media: string;
  body: string;
}

export interface HttpRequest {
  path: string;
  headers: Record<string, string>;
  body: string | null;
}

const SHOWN_CHARACTERS_MAX = 50_000;
const TOKEN = "$TOKEN";

/** Returns the request; empty fields are not sent. */
export function buildRequest(
  operation: Operation,
  { values, media, body }: FormValues,
): HttpRequest {
  const query = new URLSearchParams();
  const headers: Record<string, string> = {};
  let path = operation.path;
  for (const { name, in: place } of operation.parameters) {
    const text = values[name] ?? "";
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(text) || `{${name}}`);
    else if (text && place === "query") query.append(name, text);
    else if (text) headers[name] = text;
  }
  const queryString = query.toString();
  const takesBody = Object.keys(operation.bodies).length > 0;
  if (takesBody) headers["Content-Type"] = media;
  return {
    path: queryString ? `${path}?${queryString}` : path,
    headers,
    body: takesBody ? body : null,
  };
}

/** Returns a curl command; the token is a shell variable, never part of the command. */
export function curlCommand(operation: Operation, request: HttpRequest, origin: string): string {
  const url = `${operation.socket ? origin.replace(/^http/, "ws") : origin}${request.path}`;
  const method = operation.method === "GET" ? "" : ` -X ${operation.method}`;
  const parts = [operation.socket ? "websocat" : `curl${method}`];
  if (!operation.isPublic) parts.push(`-H "Authorization: Bearer ${TOKEN}"`);
  for (const [name, text] of Object.entries(request.headers))
    parts.push(`-H ${shellQuoted(`${name}: ${text}`)}`);
  if (request.body !== null) parts.push(`--data-raw ${shellQuoted(request.body)}`);
  return [...parts, shellQuoted(url)].join(" \\\n  ");
}

/** Formats a response body: indented JSON with exact numbers, shortened if long. */
export function formatBody(body: string, type: string): string {
  let text = body;
  if (type.startsWith("application/json")) {
    try {
      text = indentExact(body);
    } catch {
      text = body;
    }
  }
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}\n…` : text;
}
