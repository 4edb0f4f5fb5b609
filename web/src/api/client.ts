// API requests: adds the token, unwraps responses, and turns every failure into an ApiError.
import { session, signOut } from "../app/session";
import { parseExact } from "./json";

const TIMEOUT_SECONDS = 15;

interface Envelope<T> {
  success: boolean;
  data?: T;
  error?: string;
  code?: string;
}

/** A failed request; `status` is 0 if there was no response. */
export class ApiError extends Error {
  /** The field or parameter that the error names: a place in the body, or the first in backticks. */
  readonly field: string | null;

  /** The message is the server's `text` without its backticks. */
  constructor(
    readonly status: number,
    readonly code: string,
    text: string,
  ) {
    super(text.replaceAll("`", ""));
    this.field = (/at `\$\.([^`]+)`/.exec(text) ?? /`([^`]+)`/.exec(text))?.[1] ?? null;
  }
}

interface Options {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  body?: unknown;
  signal?: AbortSignal;
  /** Timeout of the request. */
  seconds?: number;
}

/** Returns the `data` of a success; raises ApiError. */
export async function request<T>(path: string, options: Options = {}): Promise<T> {
  const response = await send(path, options);
  return (await unwrap<T>(response)).data as T;
}

/** Returns JSON without an envelope and without exact numbers; raises ApiError. */
export async function read<T>(path: string, signal: AbortSignal): Promise<T> {
  const response = await send(path, { signal });
  if (!response.ok) await unwrap(response);
  return (await response.json()) as T;
}

/** Returns a response that is not JSON, such as a file; raises ApiError. */
export async function download(path: string): Promise<Blob> {
  const response = await send(path, {});
  if (!response.ok) await unwrap(response);
  return await response.blob();
}

async function send(
  path: string,
  { method = "GET", body, signal, seconds = TIMEOUT_SECONDS }: Options,
): Promise<Response> {
  const timeout = AbortSignal.timeout(seconds * 1000);
  const headers: Record<string, string> = { Accept: "application/json" };
  if (session.token) headers["Authorization"] = `Bearer ${session.token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, {
      method,
      headers,
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", "Can't reach the server.");
  }
}

async function unwrap<T>(response: Response): Promise<Envelope<T>> {
  let envelope: Envelope<T>;
  try {
    envelope = parseExact<Envelope<T>>(await response.text());
  } catch {
    envelope = {
      success: false,
      error: `The server returned status ${response.status} without details.`,
    };
  }
  if (response.ok && envelope.success) return envelope;
  const message = envelope.error ?? "The server refused the request without details.";
  if (response.status === 401 && session.token) signOut(`${message} Sign in again.`);
  throw new ApiError(response.status, envelope.code ?? "unknown", message);
}
