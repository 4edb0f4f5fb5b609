// Keeps one live socket open; reconnects with backoff.
//
// Browsers cannot send headers with a WebSocket, and a token must not appear in an address, so each
// connection starts with a single-use ticket.
export type LinkState =
  { is: "connecting" } | { is: "live" } | { is: "waiting"; attempt: number } | { is: "stopped" };

export interface Link {
  /** Returns a fresh ticket; raises if there is none. */
  ticket(): Promise<string>;
  open(url: string): WebSocket;
  onMessage(text: string): void;
  onState(state: LinkState): void;
  /** The token has expired; there is no retry. */
  onExpired(): void;
  random(): number;
}

const EXPIRED = 4401;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;
// A frozen server is noticed within ten seconds: a silent connection is pinged once, then closed, and
// so is a connection that does not open in time.
const CHECK_EVERY_MS = 1_000;
const PING_AFTER_MS = 4_000;
const SILENCE_MAX_MS = 8_000;
const CONNECT_MAX_MS = 8_000;

export class LiveSocket {
  private socket: WebSocket | null = null;
  private attempt = 0;
  private generation = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private pinger: ReturnType<typeof setInterval> | undefined;
  private limit: ReturnType<typeof setTimeout> | undefined;
  private heardMs = 0;
  private pinged = false;

  constructor(private readonly link: Link) {}

  start(): void {
    this.attempt = 0;
    void this.connect();
  }

  stop(): void {
    this.drop();
    this.link.onState({ is: "stopped" });
  }

  /** Reconnects at once, for example when the network is back; no-op while connected. */
  reconnectNow(): void {
    if (this.timer !== undefined) void this.connect();
  }

  private async connect(): Promise<void> {
    this.drop();
    const mine = this.generation;
    this.link.onState(
      this.attempt ? { is: "waiting", attempt: this.attempt } : { is: "connecting" },
    );
    this.limit = setTimeout(() => this.retry(), CONNECT_MAX_MS);
    try {
      const ticket = await this.link.ticket();
      if (mine !== this.generation) return;
      this.listen(this.link.open(`/api/costs/live?ticket=${encodeURIComponent(ticket)}`), mine);
    } catch {
      if (mine === this.generation) this.retry();
    }
  }

  private listen(socket: WebSocket, mine: number): void {
    this.socket = socket;
    const current = (): boolean => mine === this.generation;
    let greeted = false;
    socket.onopen = () => {
      if (!current()) return;
      this.heardMs = performance.now();
      this.pinger = setInterval(() => this.checkSilence(), CHECK_EVERY_MS);
    };
    socket.onmessage = (event) => {
      if (!current()) return;
      this.heardMs = performance.now();
      this.pinged = false;
      // The backoff resets only after the first message.
      if (!greeted) {
        greeted = true;
        clearTimeout(this.limit);
        this.attempt = 0;
        this.link.onState({ is: "live" });
      }
      this.link.onMessage(event.data as string);
    };
    socket.onclose = (event) => {
      if (!current()) return;
      if (event.code === EXPIRED) {
        this.drop();
        this.link.onExpired();
      } else this.retry();
    };
  }

  private checkSilence(): void {
    const silentMs = performance.now() - this.heardMs;
    if (silentMs > SILENCE_MAX_MS) this.retry();
    else if (silentMs >= PING_AFTER_MS && !this.pinged) {
      this.pinged = true;
      if (this.socket?.readyState === WebSocket.OPEN) this.socket.send('{"type":"ping"}');
    }
  }

  private retry(): void {
    this.drop();
    this.attempt += 1;
    this.link.onState({ is: "waiting", attempt: this.attempt });
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.attempt - 1));
    // Jitter, so that browsers do not all reconnect at once.
    const pause = longest * (0.5 + this.link.random() / 2);
    this.timer = setTimeout(() => void this.connect(), pause);
  }

  private drop(): void {
    this.generation += 1;
    clearTimeout(this.timer);
    clearTimeout(this.limit);
    this.timer = undefined;
    this.pinged = false;
    clearInterval(this.pinger);
    const socket = this.socket;
    this.socket = null;
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close();
  }
}
