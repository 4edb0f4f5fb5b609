import { CostClient, LiveFeed, type LinkState, type LiveMessage } from "cost-analytics-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

class FakeSocket {
  readyState = 1;
  sent: string[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: (() => void) | null = null;
  constructor(readonly url: string) {}
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.readyState = 3;
  }
  /** Fails as a socket of `ws` does: an error that nothing handles is thrown. */
  fail(): void {
    if (!this.onerror) throw new Error("unhandled error");
    this.onerror();
    this.onclose?.({ code: 1006 });
  }
}

class FakeServer {
  tickets = 0;
  broken = false;
  refusal: Response | undefined;
  signals: (AbortSignal | null | undefined)[] = [];
  sockets: FakeSocket[] = [];
  states: LinkState[] = [];
  messages: LiveMessage[] = [];
  expired = 0;
  answer = (_url?: string, options?: RequestInit): Promise<Response> => {
    this.tickets += 1;
    this.signals.push(options?.signal);
    if (this.refusal) return Promise.resolve(this.refusal);
    if (this.broken) return Promise.reject(new TypeError("fetch failed"));
    const data = { ticket: `t/${this.tickets}`, expiresIn_seconds: 30 };
    return Promise.resolve(new Response(JSON.stringify({ success: true, data })));
  };
  open = (url: string): FakeSocket => {
    const socket = new FakeSocket(url);
    this.sockets.push(socket);
    return socket;
  };
  onMessage = (message: LiveMessage): void => void this.messages.push(message);
  onState = (state: LinkState): void => void this.states.push(state);
  onExpired = (): void => void (this.expired += 1);
  random = (): number => 1;
  get last(): FakeSocket {
    return this.sockets.at(-1) as FakeSocket;
  }
  get is(): string | undefined {
    return this.states.at(-1)?.is;
  }
}

const CLIENT = new CostClient({ url: "https://costs.test", token: "t" });
let link: FakeServer;
let socket: LiveFeed;

beforeEach(async () => {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"],
  });
  link = new FakeServer();
  vi.stubGlobal("fetch", link.answer);
  socket = new LiveFeed(CLIENT, link);
  socket.start();
  await vi.advanceTimersByTimeAsync(0);
});

afterEach(() => {
  socket.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function greet(): void {
  link.last.onopen?.();
  link.last.onmessage?.({ data: '{"type":"snapshot","calls":[],"budget":null}' });
}

describe("live feed", () => {
  it("opens with a ticket and is live after the first message", () => {
    expect(link.last.url).toBe("wss://costs.test/api/costs/live?ticket=t%2F1");
    expect(link.is).toBe("connecting");
    greet();
    expect(link.is).toBe("live");
    expect(link.messages).toHaveLength(1);
  });

  it("reconnects soon after a lost connection, with a new ticket", async () => {
    greet();
    link.last.onclose?.({ code: 1006 });
    expect(link.is).toBe("waiting");
    await vi.advanceTimersByTimeAsync(500);
    expect(link.last.url).toContain("t%2F2");
    greet();
    expect(link.is).toBe("live");
  });

  it("increases its pauses up to five seconds while the server is unavailable", async () => {
    greet();
    link.broken = true;
    link.last.onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(7_500);
    expect(link.tickets).toBe(1 + 4); // after 0.5, 1, 2 and 4 s
    await vi.advanceTimersByTimeAsync(60_000);
    expect(link.tickets).toBe(1 + 4 + 12);
    link.broken = false;
    await vi.advanceTimersByTimeAsync(5_000);
    greet();
    expect(link.is).toBe("live");
  });

  it("pings a silent connection, and closes it without a response", async () => {
    greet();
    const first = link.last;
    await vi.advanceTimersByTimeAsync(8_000);
    expect(first.sent).toEqual(['{"type":"ping"}']);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(link.is).toBe("waiting");
    expect(first.readyState).toBe(3);
    await vi.advanceTimersByTimeAsync(500);
    expect(link.last).not.toBe(first);
  });

  it("keeps a connection that responds", async () => {
    greet();
    for (let turn = 0; turn < 10; turn += 1) {
      await vi.advanceTimersByTimeAsync(5_000);
      link.last.onmessage?.({ data: '{"type":"pong"}' });
    }
    expect(link.last.sent).toHaveLength(10);
    expect(link.sockets).toHaveLength(1);
  });

  it("closes a connection that does not open in time", async () => {
    await vi.advanceTimersByTimeAsync(8_000);
    expect(link.is).toBe("waiting");
    await vi.advanceTimersByTimeAsync(500);
    expect(link.sockets).toHaveLength(2);
  });

  it("does not try again with a token that has expired", async () => {
    greet();
    link.last.onclose?.({ code: 4401 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(link.expired).toBe(1);
    expect(link.sockets).toHaveLength(1);
  });

  it("ignores messages of a closed connection", async () => {
    greet();
    const first = link.last;
    first.onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(500);
    first.onmessage?.({ data: '{"type":"call","call":{"callId":"late"}}' });
    first.onclose?.({ code: 1006 });
    expect(link.messages.map(({ type }) => type)).toEqual(["snapshot"]);
    expect(link.sockets).toHaveLength(2);
  });

  it("reconnects at once when the network is back, and only then", async () => {
    greet();
    socket.reconnectNow();
    expect(link.sockets).toHaveLength(1);
    link.last.onclose?.({ code: 1006 });
    socket.reconnectNow();
    await vi.advanceTimersByTimeAsync(0);
    expect(link.sockets).toHaveLength(2);
  });

  it("says why it has no ticket, and asks again", async () => {
    link.broken = true;
    link.last.onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(500);
    expect(link.states.at(-1)).toMatchObject({ is: "waiting", error: { code: "unreachable" } });
    link.broken = false;
    await vi.advanceTimersByTimeAsync(5_000);
    greet();
    expect(link.is).toBe("live");
  });

  it("subscribes to calls, again after a reconnect", async () => {
    greet();
    socket.subscribe(["a"]);
    const wanted = '{"type":"subscribe","calls":["a"]}';
    expect(link.last.sent).toEqual([wanted]);
    link.last.onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(500);
    greet();
    expect(link.last.sent).toEqual([wanted]);
    socket.subscribe(null);
    expect(link.last.sent.at(-1)).toBe('{"type":"subscribe","calls":null}');
  });

  it("drops messages of types that it does not know", () => {
    greet();
    for (const data of ['{"type":"pong"}', '{"type":"news","call":{}}', '{"type":"toString"}'])
      link.last.onmessage?.({ data });
    expect(link.messages.map(({ type }) => type)).toEqual(["snapshot"]);
    expect(link.is).toBe("live");
  });

  it.each([
    "",
    "{",
    "7",
    "null",
    "{}",
    '{"type":{}}',
    '{"type":"call"}',
    '{"type":"call","call":5}',
  ])("asks for a snapshot after a message that is not the API's: %j", async (data) => {
    greet();
    link.last.onmessage?.({ data });
    expect(link.states.at(-1)).toMatchObject({ is: "waiting", error: expect.any(Error) as Error });
    await vi.advanceTimersByTimeAsync(500);
    greet();
    expect(link.messages.map(({ type }) => type)).toEqual(["snapshot", "snapshot"]);
    expect(link.is).toBe("live");
  });

  it("is not live after a first message that is not the API's", () => {
    link.last.onopen?.();
    link.last.onmessage?.({ data: "<html>" });
    expect(link.states.map(({ is }) => is)).toEqual(["connecting", "waiting"]);
  });

  it.each([1000, 1001, 1002, 1008, 1011, 1012, 1013, 3000, 4000, 4999])(
    "reconnects after the close code %i",
    async (code) => {
      greet();
      link.last.onclose?.({ code });
      await vi.advanceTimersByTimeAsync(500);
      expect(link.sockets).toHaveLength(2);
    },
  );

  it("survives a socket that fails", async () => {
    link.last.fail();
    await vi.advanceTimersByTimeAsync(500);
    expect(link.sockets).toHaveLength(2);
  });

  it.each([
    ["60", 60],
    ["9".repeat(400), 300],
  ])("asks for no ticket before the server allows it: %s", async (wait, seconds) => {
    greet();
    const body = '{"success":false,"code":"rate_limited","error":"Not now."}';
    link.refusal = new Response(body, { status: 429, headers: { "Retry-After": wait } });
    link.last.onclose?.({ code: 1013 });
    await vi.advanceTimersByTimeAsync(500);
    expect(link.tickets).toBe(2);
    expect(link.states.at(-1)).toMatchObject({ error: { code: "rate_limited" } });
    link.refusal = undefined;
    await vi.advanceTimersByTimeAsync(seconds * 1_000 - 1);
    expect(link.tickets).toBe(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(link.tickets).toBe(3);
  });

  it("ends a request for a ticket that it does not need any more", async () => {
    greet();
    link.last.onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(500);
    socket.stop();
    expect(link.signals.at(-1)?.aborted).toBe(true);
  });
});
