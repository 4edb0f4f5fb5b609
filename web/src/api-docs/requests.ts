// Builds a request from the filled-in form, and the equivalent curl command.
import { parse, stringify } from "lossless-json";
import type { Operation } from "./openapi";

export interface Filled {
  values: Record<string, string>;
  media: string;
  body: string;
}

export interface Ready {
  path: string;
  headers: Record<string, string>;
  body: string | null;
}

const SHOWN_MOST = 50_000;
export const TOKEN = "$TOKEN";

/** Returns the request; empty fields are not sent. */
export function readyRequest(operation: Operation, { values, media, body }: Filled): Ready {
  const query = new URLSearchParams();
  const headers: Record<string, string> = {};
  let path = operation.path;
  for (const { name, in: place } of operation.parameters) {
    const text = values[name] ?? "";
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(text) || `{${name}}`);
    else if (text && place === "query") query.append(name, text);
    else if (text) headers[name] = text;
  }
  const asked = query.toString();
  const takesBody = Object.keys(operation.bodies).length > 0;
  if (takesBody) headers["Content-Type"] = media;
  return { path: asked ? `${path}?${asked}` : path, headers, body: takesBody ? body : null };
}

/** Returns a curl command; the token is a shell variable, never part of the command. */
export function curlLine(operation: Operation, ready: Ready, origin: string): string {
  const url = `${operation.socket ? origin.replace(/^http/, "ws") : origin}${ready.path}`;
  const method = operation.method === "GET" ? "" : ` -X ${operation.method}`;
  const parts = [operation.socket ? "websocat" : `curl${method}`];
  if (!operation.isPublic) parts.push(`-H "Authorization: Bearer ${TOKEN}"`);
  for (const [name, text] of Object.entries(ready.headers))
    parts.push(`-H ${quoted(`${name}: ${text}`)}`);
  if (ready.body !== null) parts.push(`--data-raw ${quoted(ready.body)}`);
  return [...parts, quoted(url)].join(" \\\n  ");
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Formats a response body: indented JSON with exact numbers, shortened if long. */
export function shownValue(body: string, type: string): string {
  let text = body;
  if (type.startsWith("application/json")) {
    try {
      text = stringify(parse(body), null, 2) ?? body;
    } catch {
      text = body;
    }
  }
  return text.length > SHOWN_MOST ? `${text.slice(0, SHOWN_MOST)}\n…` : text;
}
