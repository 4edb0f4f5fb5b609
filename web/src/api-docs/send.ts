// Sends the requests of the API reference.
import { ApiError } from "cost-analytics-client";
import { session } from "../app/session";

const TIMEOUT_SECONDS = 15;

/** A response as received. */
export interface RawResponse {
  status: number;
  type: string;
  body: string;
  tookMs: number;
}

/** Sends a request with the token; raises ApiError if there is no response. */
export async function sendRaw(
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | null,
): Promise<RawResponse> {
  const began = performance.now();
  const token = session.token ? { Authorization: `Bearer ${session.token}` } : {};
  try {
    const response = await fetch(path, {
      method,
      headers: { ...headers, ...token },
      body,
      signal: AbortSignal.timeout(TIMEOUT_SECONDS * 1000),
    });
    const text = await response.text();
    const tookMs = performance.now() - began;
    const type = response.headers.get("Content-Type") ?? "";
    return { status: response.status, type, body: text, tookMs };
  } catch {
    throw new ApiError(0, "unreachable", "Can't reach the server.");
  }
}
