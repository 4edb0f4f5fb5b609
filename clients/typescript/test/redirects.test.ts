// Real servers: what a fetch of this Node does with a redirect.
import { ApiError, CostClient, getSpending, trackCost } from "cost-analytics-client";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";

let other: Server;
let server: Server;
let status = 302;
let followed: (string | undefined)[];

const addressOf = (one: Server): string =>
  `http://127.0.0.1:${(one.address() as AddressInfo).port}`;
const listening = (one: Server): Promise<Server> =>
  new Promise((resolve) => one.listen(0, "127.0.0.1", () => resolve(one)));

beforeEach(async () => {
  followed = [];
  other = await listening(
    createServer((request: IncomingMessage, response) => {
      followed.push(request.headers.authorization);
      response.end('{"success":true,"data":{}}');
    }),
  );
  server = await listening(
    createServer((_, response) => {
      response.writeHead(status, { Location: addressOf(other) }).end();
    }),
  );
});

afterEach(() => {
  other.close();
  server.close();
});

it.each([301, 302, 303, 307, 308])("does not follow a redirect with status %i", async (code) => {
  status = code;
  const client = new CostClient({ url: addressOf(server), token: "secret" });
  const requests = [
    getSpending(client, { userId: "alice" }),
    trackCost(client, {
      body: { callId: "c", service: "twilio", usageAmount: 1, usageUnit: "minutes" } as never,
    }),
  ];
  for (const request of requests) {
    const error = await request.then(
      () => undefined,
      (raised: unknown) => raised,
    );
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: code, code: "redirected" });
  }
  expect(followed).toEqual([]);
});
