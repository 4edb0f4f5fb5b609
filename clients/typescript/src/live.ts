// Keeps one live socket open; reconnects with backoff.
//
// Browsers cannot send headers with a WebSocket, and a token must not appear in an address, so each
// connection starts with a single-use ticket.
import type { CostClient } from "./client.js";
import { ApiError } from "./errors.js";
import { decodeMessage, type LiveMessage } from "./messages.js";
import { getTicket } from "./operations.js";

export type LinkState =
  | { is: "connecting" }
  | { is: "live" }
  /** `error` is the reason if there was no ticket, or if a message was not the API's. */
  | { is: "waiting"; attempt: number; error?: unknown }
  | { is: "stopped" };

/** The parts of a WebSocket that the feed uses; that of a browser, of Node and of `ws` have them. */
export interface FeedSocket {
  readonly readyState: number;
  send(text: string): void;
  close(): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror?: ((event: never) => void) | null;
}

export interface FeedOptions {
  /** Receives each message: first a snapshot, which replaces all before, also after a reconnect. */
  onMessage(message: LiveMessage): void;
  onState?(state: LinkState): void;
  /** The token has expired, and the feed has stopped; without it, it asks for another ticket. */
  onExpired?(): void;
  /** Only these calls. */
  calls?: string[];
  /** Opens a socket where there is no global `WebSocket`, as in Node before 22. */
  open?(url: string): FeedSocket;
  random?(): number;
}

const EXPIRED = 4401;
const OPEN = 1;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;
const RETRY_AFTER_SECONDS_MAX = 300;
// A frozen server is noticed within ten seconds: a silent connection is pinged once, then closed, and
// so is a connection that does not open in time.
const CHECK_EVERY_MS = 1_000;
const PING_AFTER_MS = 4_000;
const SILENCE_MAX_MS = 8_000;
const CONNECT_MAX_MS = 8_000;

export class LiveFeed {
  #socket: FeedSocket | null = null;
  #attempt = 0;
  #generation = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #pinger: ReturnType<typeof setInterval> | undefined;
  #connectTimer: ReturnType<typeof setTimeout> | undefined;
  #ticketRequest: AbortController | undefined;
  #lastMessageMs = 0;
  #isPinged = false;
  #calls: string[] | undefined;
  readonly #client: CostClient;
  readonly #options: FeedOptions;

  constructor(client: CostClient, options: FeedOptions) {
    this.#client = client;
    this.#options = options;
    this.#calls = options.calls;
  }

  start(): void {
    this.#attempt = 0;
    void this.#connect();
  }

  stop(): void {
    this.#drop();
    this.#options.onState?.({ is: "stopped" });
  }

  /** Restricts the feed to these calls; null lifts the restriction. A snapshot follows. */
  subscribe(calls: string[] | null): void {
    this.#calls = calls ?? undefined;
    if (this.#socket?.readyState === OPEN) this.#sendSubscription(this.#socket);
  }

  /** Reconnects at once, for example when the network is back; no-op while connected. */
  reconnectNow(): void {
    if (this.#retryTimer !== undefined) void this.#connect();
  }

  async #connect(): Promise<void> {
    this.#drop();
    const generation = this.#generation;
    this.#options.onState?.(
      this.#attempt ? { is: "waiting", attempt: this.#attempt } : { is: "connecting" },
    );
    this.#connectTimer = setTimeout(() => this.#retry(), CONNECT_MAX_MS);
    const { signal } = (this.#ticketRequest = new AbortController());
    try {
      const { ticket } = await getTicket(this.#client, {}, { signal });
      if (generation !== this.#generation) return;
      const path = `/api/costs/live?ticket=${encodeURIComponent(ticket)}`;
      const url = this.#client.address(path, "ws");
      this.#listen(this.#options.open?.(url) ?? new WebSocket(url), generation);
    } catch (error) {
      if (generation === this.#generation) this.#retry(error);
    }
  }

  #listen(socket: FeedSocket, generation: number): void {
    this.#socket = socket;
    const isCurrent = (): boolean => generation === this.#generation;
    let hasMessage = false;
    socket.onopen = () => {
      if (!isCurrent()) return;
      this.#lastMessageMs = performance.now();
      this.#pinger = setInterval(() => this.#checkSilence(), CHECK_EVERY_MS);
      if (this.#calls) this.#sendSubscription(socket);
    };
    // The close that follows says enough; without a handler, `ws` would throw the error.
    socket.onerror = () => undefined;
    socket.onmessage = (event: { data: unknown }) => {
      if (!isCurrent()) return;
      this.#lastMessageMs = performance.now();
      this.#isPinged = false;
      let message: LiveMessage | null;
      try {
        message = decodeMessage(event.data);
      } catch (error) {
        // A change may be missing: the next connection starts with a snapshot.
        this.#retry(error);
        return;
      }
      // The backoff resets only after the first message.
      if (!hasMessage) {
        hasMessage = true;
        clearTimeout(this.#connectTimer);
        this.#attempt = 0;
        this.#options.onState?.({ is: "live" });
      }
      if (message) this.#options.onMessage(message);
    };
    socket.onclose = (event: { code: number }) => {
      if (!isCurrent()) return;
      if (event.code === EXPIRED && this.#options.onExpired) {
        this.#drop();
        this.#options.onExpired();
      } else this.#retry();
    };
  }

  #sendSubscription(socket: FeedSocket): void {
    socket.send(JSON.stringify({ type: "subscribe", calls: this.#calls ?? null }));
  }

  #checkSilence(): void {
    const silentMs = performance.now() - this.#lastMessageMs;
    if (silentMs > SILENCE_MAX_MS) this.#retry();
    else if (silentMs >= PING_AFTER_MS && !this.#isPinged) {
      this.#isPinged = true;
      if (this.#socket?.readyState === OPEN) this.#socket.send('{"type":"ping"}');
    }
  }

  #retry(error?: unknown): void {
    this.#drop();
    this.#attempt += 1;
    const failed = error === undefined ? {} : { error };
    this.#options.onState?.({ is: "waiting", attempt: this.#attempt, ...failed });
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#attempt - 1));
    // Jitter, so that browsers do not all reconnect at once.
    const random = this.#options.random?.() ?? Math.random();
    const asked = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) : 0;
    const askedMs = Math.min(asked, RETRY_AFTER_SECONDS_MAX) * 1000;
    const pause = Math.max(longest * (0.5 + random / 2), askedMs);
    this.#retryTimer = setTimeout(() => void this.#connect(), pause);
  }

  #drop(): void {
    this.#generation += 1;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#connectTimer);
    this.#ticketRequest?.abort();
    this.#retryTimer = undefined;
    this.#isPinged = false;
    clearInterval(this.#pinger);
    const socket = this.#socket;
    this.#socket = null;
    if (socket && socket.readyState <= OPEN) socket.close();
  }
}
