import {
  ApiError,
  changeBudget,
  CostClient,
  exportCosts,
  getSpending,
  listCalls,
  pages,
} from "cost-analytics-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const URL_OF_API = "https://costs.test/";
type Answer = () => Response | Promise<Response>;

let answers: Answer[];
let requests: Request[];
const client = new CostClient({ url: URL_OF_API, token: () => Promise.resolve("secret") });

const success =
  (data: unknown): Answer =>
  () =>
    new Response(JSON.stringify({ success: true, data }));
const failure =
  (status: number, code: string, headers: Record<string, string> = {}): Answer =>
  () =>
    new Response(JSON.stringify({ success: false, error: "Not `so`.", code }), { status, headers });

beforeEach(() => {
  answers = [];
  requests = [];
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  vi.stubGlobal("fetch", async (url: string, options: RequestInit) => {
    requests.push(new Request(url, options));
    const answer = answers.shift();
    if (!answer) throw new TypeError("fetch failed");
    return answer();
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Returns what a request raises, while its pauses pass. */
async function errorOf(request: Promise<unknown>): Promise<ApiError> {
  const caught = request.then(
    () => Promise.reject(new Error("no error")),
    (error: unknown) => error as ApiError,
  );
  await vi.advanceTimersByTimeAsync(60_000);
  return caught;
}

describe("a request", () => {
  it("has its parameters in the path and the query, and the token in a header", async () => {
    answers.push(success({ calls: [], nextCursor: null }));
    await listCalls(client, {
      userId: "a/b {limit}",
      limit: 5,
      cursor: null,
      q: undefined,
      tag: ["x:1 2", "y:"],
      model: [""],
    });
    const [request] = requests;
    expect(request?.url).toBe(
      "https://costs.test/api/costs/user/a%2Fb%20%7Blimit%7D/calls?limit=5&tag=x%3A1+2&tag=y%3A&model=",
    );
    expect(request?.headers.get("Authorization")).toBe("Bearer secret");
  });

  it("sends amounts as they are written", async () => {
    answers.push(success({}));
    const body = { dailyLimit_usd: "1234567.123456789", monthlyLimit_usd: null };
    await changeBudget(client, { userId: "alice", body });
    const [request] = requests;
    expect([request?.method, await request?.text()]).toEqual(["PUT", JSON.stringify(body)]);
  });

  it("returns a file as a response, and raises the error of one", async () => {
    answers.push(() => new Response("a,b\r\n"), failure(403, "forbidden"));
    const input = { userId: "alice", type: "daily" } as const;
    expect(await (await exportCosts(client, input)).text()).toBe("a,b\r\n");
    expect(await errorOf(exportCosts(client, input))).toMatchObject({ code: "forbidden" });
  });

  it("raises what the API says", async () => {
    const seen: ApiError[] = [];
    const watched = new CostClient({ url: URL_OF_API, onError: (error) => seen.push(error) });
    answers.push(failure(400, "invalid_parameter"));
    const error = await errorOf(getSpending(watched, { userId: "alice" }));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 400, code: "invalid_parameter", field: "so" });
    expect(error.message).toBe("Not so.");
    expect(seen).toEqual([error]);
    expect(requests[0]?.headers.has("Authorization")).toBe(false);
  });

  it.each([
    "",
    "<html>",
    "null",
    "7",
    '{"success":true',
    '{"success":"true"}',
    "[[[",
    '{"code":{}}',
  ])("raises an error for a body that is not the API's: %j", async (body) => {
    for (const status of [200, 500]) {
      answers.push(() => new Response(body, { status }));
      const error = await errorOf(getSpending(client, { userId: "alice" }));
      expect(error).toBeInstanceOf(ApiError);
      expect(error).toMatchObject({ status, code: "unknown" });
      expect(error.message).toBe(`The server returned status ${status} without details.`);
    }
  });

  it.each([".", "..", "\ud800", "a\udfff"])("is not sent for the id %j", async (userId) => {
    const error = await errorOf(getSpending(client, { userId }));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 400, code: "invalid_parameter", field: "userId" });
    expect(requests).toHaveLength(0);
  });

  it.each(["...", "../x", "%2e%2e", "ä/🎉?#", "\u0000"])("encodes the id %j", async (userId) => {
    answers.push(success({}));
    await getSpending(client, { userId });
    const parts = new URL(requests[0]?.url ?? "").pathname.split("/");
    expect(parts.map(decodeURIComponent)).toContain(userId);
  });

  it("does not keep a body without an end", async () => {
    let isCancelled = false;
    const part = new Uint8Array(16 * 1024 * 1024).fill(32);
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(part),
      cancel: () => void (isCancelled = true),
    });
    answers.push(() => new Response(body));
    expect(await errorOf(getSpending(client, { userId: "alice" }))).toMatchObject({
      code: "invalid_answer",
      message: "The server's answer is too long.",
    });
    expect(isCancelled).toBe(true);
    expect(requests).toHaveLength(1);
  });

  it("keeps the digits of numbers that no double has", async () => {
    const body = '{"success":true,"data":{"totalCost":9007199254740993.000000001}}';
    answers.push(() => new Response(body));
    expect(await getSpending(client, { userId: "alice" })).toEqual({
      totalCost: "9007199254740993.000000001",
    });
  });
});

describe("a read that fails", () => {
  it("is repeated until the server is back", async () => {
    answers.push(failure(503, "unavailable"), () => Promise.reject(new TypeError("fetch failed")));
    answers.push(success({ totalCost: 1 }));
    const spending = getSpending(client, { userId: "alice" });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await spending).toEqual({ totalCost: "1" });
    expect(requests).toHaveLength(3);
  });

  it("raises the last error after two repeats", async () => {
    expect(await errorOf(getSpending(client, { userId: "alice" }))).toMatchObject({
      status: 0,
      code: "unreachable",
      cause: { message: "fetch failed" },
    });
    expect(requests).toHaveLength(3);
  });

  it("waits as long as the server asks, but not for minutes", async () => {
    answers.push(failure(429, "rate_limited", { "Retry-After": "20" }), success({}));
    const spending = getSpending(client, { userId: "alice" });
    await vi.advanceTimersByTimeAsync(19_000);
    expect(requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_000);
    await spending;
    answers.push(failure(429, "rate_limited", { "Retry-After": "31" }));
    const error = await errorOf(getSpending(client, { userId: "alice" }));
    expect(error).toMatchObject({ status: 429, retryAfterSeconds: 31 });
    expect(requests).toHaveLength(3);
  });

  it.each([
    ["9".repeat(400), Number.MAX_SAFE_INTEGER],
    ["Fri, 31 Dec 9999 23:59:59 GMT", expect.any(Number)],
  ])("is not repeated if the server asks for an absurd wait: %s", async (wait, seconds) => {
    answers.push(failure(429, "rate_limited", { "Retry-After": wait }));
    const error = await errorOf(getSpending(client, { userId: "alice" }));
    expect(error).toMatchObject({ status: 429, retryAfterSeconds: seconds as number });
    expect(requests).toHaveLength(1);
  });

  it.each(["soon", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "1e999", "Infinity"])(
    "is repeated soon after a wait that is none: %s",
    async (wait) => {
      answers.push(failure(503, "unavailable", { "Retry-After": wait }), success({}));
      const spending = getSpending(client, { userId: "alice" });
      await vi.advanceTimersByTimeAsync(1_000);
      await spending;
      expect(requests).toHaveLength(2);
    },
  );

  it("is not repeated if it is refused, or if it changes something", async () => {
    answers.push(failure(403, "forbidden"), failure(503, "unavailable"));
    await errorOf(getSpending(client, { userId: "alice" }));
    await errorOf(changeBudget(client, { userId: "alice", body: {} }));
    expect(requests).toHaveLength(2);
  });

  it("ends with its signal, also during a pause", async () => {
    const abort = new AbortController();
    answers.push(failure(503, "unavailable"));
    const spending = getSpending(client, { userId: "alice" }, { signal: abort.signal });
    const ended = expect(spending).rejects.toThrow("enough");
    await vi.advanceTimersByTimeAsync(0);
    abort.abort(new Error("enough"));
    await ended;
    expect(requests).toHaveLength(1);
  });
});

it("yields a list page by page", async () => {
  answers.push(success({ calls: [1], nextCursor: "n" }), success({ calls: [2], nextCursor: null }));
  const found: unknown[] = [];
  for await (const { calls } of pages(listCalls, client, { userId: "alice", limit: 1 }))
    found.push(...calls);
  expect(found).toEqual(["1", "2"]);
  expect(requests.map(({ url }) => new URL(url).searchParams.get("cursor"))).toEqual([null, "n"]);
});
