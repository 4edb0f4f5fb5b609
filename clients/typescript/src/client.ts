// Sends requests: adds the token, repeats reads, unwraps responses, and raises ApiError.
import { ApiError } from "./errors.js";
import { parseExact } from "./json.js";

export type Optional<T> = T | null | undefined;
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface ClientOptions {
  /** The address of the API, such as `https://costs.example.com`; in a browser the page's own. */
  url?: string;
  /** The bearer token, or a function that returns the current one for each request. */
  token?: string | (() => Optional<string> | Promise<Optional<string>>);
  /** The longest time of one attempt, with its body; 15 by default. */
  timeoutSeconds?: number;
  /** How often a GET is repeated if the server is away or asks to wait; 2 by default. */
  retries?: number;
  /** Sees each error before the caller does, for instance to sign out after a 401. */
  onError?: (error: ApiError) => void;
}

export interface RequestOptions {
  signal?: AbortSignal;
  timeoutSeconds?: number;
  headers?: Record<string, string>;
}

/** Values of path and query parameters; `body` is the body. */
export type Input = object;

/** A body, as it should be; what is not the API's may have anything else. */
interface Envelope<T> {
  success?: unknown;
  data?: T;
  error?: unknown;
  code?: unknown;
}

const TIMEOUT_SECONDS = 15;
const RETRIES = 2;
const FIRST_PAUSE_MS = 200;
const RETRY_AFTER_SECONDS_MAX = 30;
const RETRYABLE_STATUSES = [0, 429, 502, 503, 504];
const REDIRECTS = [301, 302, 303, 307, 308];
const TEXT_MAX = 64 * 1024 * 1024;

export class CostClient {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions = {}) {
    this.#options = options;
  }

  /** Returns the `data` of a success, with exact numbers; raises ApiError. */
  async data<T>(method: Method, path: string, input?: Input, options?: RequestOptions): Promise<T> {
    return this.#repeated(method, options?.signal, async () => {
      const response = await this.#send(method, path, input, options);
      return unwrap<T>(response, await reach(textOf(response), options?.signal));
    });
  }

  /** Returns a successful response that has no envelope, such as a file; raises ApiError. */
  async response(
    method: Method,
    path: string,
    input?: Input,
    options?: RequestOptions,
  ): Promise<Response> {
    return this.#repeated(method, options?.signal, async () => {
      const response = await this.#send(method, path, input, options);
      if (!response.ok) unwrap(response, await reach(textOf(response), options?.signal));
      return response;
    });
  }

  /** Returns the address of a path, by another scheme for a WebSocket. */
  address(path: string, scheme: "http" | "ws" = "http"): string {
    const base = this.#options.url?.replace(/\/+$/, "") ?? globalThis.location.origin;
    return base.replace(/^http/, scheme) + path;
  }

  async #send(
    method: Method,
    path: string,
    input: Input = {},
    { signal, timeoutSeconds, headers }: RequestOptions = {},
  ): Promise<Response> {
    const { body, ...values } = input as { body?: unknown };
    const token = this.#options.token;
    const bearer = typeof token === "function" ? await token() : token;
    const seconds = timeoutSeconds ?? this.#options.timeoutSeconds ?? TIMEOUT_SECONDS;
    const timeout = AbortSignal.timeout(seconds * 1000);
    const request = fetch(this.address(fillIn(path, values)), {
      method,
      // The token and the trust in its answers are for one server.
      redirect: "manual",
      headers: {
        Accept: "application/json",
        ...(bearer && { Authorization: `Bearer ${bearer}` }),
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...headers,
      },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const response = await reach(request, signal);
    // A browser hides the status of a redirect.
    if (response.type === "opaqueredirect" || REDIRECTS.includes(response.status))
      throw new ApiError(response.status || 302, "redirected", "The server redirects elsewhere.");
    return response;
  }

  async #repeated<T>(
    method: Method,
    signal: AbortSignal | undefined,
    attempt: () => Promise<T>,
  ): Promise<T> {
    const retries = method === "GET" ? (this.#options.retries ?? RETRIES) : 0;
    for (let failures = 0; ; failures += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        const asked = error.retryAfterSeconds ?? 0;
        const isFinal = failures >= retries || !RETRYABLE_STATUSES.includes(error.status);
        if (isFinal || asked > RETRY_AFTER_SECONDS_MAX) {
          this.#options.onError?.(error);
          throw error;
        }
        // Half of it is random, so that clients do not all come back at once.
        const pause = FIRST_PAUSE_MS * 2 ** failures * (0.5 + Math.random() / 2);
        await wait(Math.max(pause, asked * 1000), signal);
      }
    }
  }
}

/** Puts values into the places of a path, and all others into the query. */
function fillIn(path: string, values: object): string {
  const query = new URLSearchParams();
  let filled = path;
  for (const [name, value] of Object.entries(values) as [string, unknown][]) {
    const place = `{${name}}`;
    if (path.includes(place)) filled = filled.replace(place, () => segment(name, String(value)));
    else
      for (const each of [value].flat())
        if (each !== null && each !== undefined)
          query.append(name, `${each as string | number | boolean}`);
  }
  const more = query.toString();
  return more ? `${filled}?${more}` : filled;
}

/** Returns a part of a path; raises ApiError, as for a 400, for a text that no address can have. */
function segment(name: string, text: string): string {
  // `fetch` resolves "." and "..", even encoded, and half a character of UTF-16 has no encoding.
  if (text === "." || text === ".." || /\p{Surrogate}/u.test(text))
    throw new ApiError(400, "invalid_parameter", `\`${name}\` cannot be part of an address.`);
  return encodeURIComponent(text);
}

/** Raises ApiError if the server cannot be reached, but what `signal` raises if it is aborted. */
async function reach<T>(answer: Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (signal?.aborted || error instanceof ApiError) throw error;
    throw new ApiError(0, "unreachable", "Can't reach the server.", null, { cause: error });
  }
}

/** Returns the text of a response; raises ApiError if it is too long. */
async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let text = "";
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    text += decoder.decode(part.value, { stream: true });
    if (text.length > TEXT_MAX) {
      void reader?.cancel();
      throw new ApiError(response.status, "invalid_answer", "The server's answer is too long.");
    }
  }
  return text + decoder.decode();
}

/** Returns the `data` of a success; raises ApiError. */
function unwrap<T>(response: Response, text: string): T {
  const { success, data, code, error } = envelopeOf<T>(text);
  if (response.ok && success === true) return data as T;
  throw new ApiError(
    response.status,
    typeof code === "string" ? code : "unknown",
    typeof error === "string"
      ? error
      : `The server returned status ${response.status} without details.`,
    retryAfterSeconds(response.headers.get("Retry-After")),
  );
}

/** Returns the envelope of a body, empty if the body is not the API's. */
function envelopeOf<T>(text: string): Envelope<T> {
  try {
    return parseExact<Envelope<T> | null>(text) ?? {};
  } catch {
    return {};
  }
}

/** Returns the seconds of a `Retry-After` header, a number or a date; null without a valid one. */
function retryAfterSeconds(header: string | null): number | null {
  if (!header) return null;
  const seconds = /^\d+$/.test(header)
    ? Math.min(Number(header), Number.MAX_SAFE_INTEGER)
    : (Date.parse(header) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(0, seconds);
}

/** Waits; raises the signal's reason when it is aborted. */
function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
  });
}
