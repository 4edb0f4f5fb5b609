import { describe, expect, it } from "vitest";
import { limitsOf, shapeOf, typeOf, withoutEnvelope } from "./fields";
import { operationGroups, type OpenApi, type Operation } from "./openapi";
import { curlCommand, buildRequest, formatBody } from "./requests";
import { channelsOf, type AsyncApi } from "./asyncapi";

const WHOLE = {
  info: { title: "A", version: "1", description: "" },
  tags: [
    { name: "Calls", description: "All calls." },
    { name: "Nothing", description: "" },
  ],
  paths: {
    "/api/routes/calls/{callId}": {
      get: {
        operationId: "getCall",
        tags: ["Calls"],
        summary: "One call",
        description: "Answers.",
        parameters: [
          { name: "callId", in: "path", description: "", schema: { type: "string" } },
          { name: "limit", in: "query", description: "", schema: { type: "integer" } },
          { $ref: "#/components/parameters/Key" },
        ],
        responses: { "200": { $ref: "#/components/responses/Good" } },
      },
      put: {
        operationId: "changeCall",
        tags: ["Calls"],
        summary: "Change it",
        description: "",
        requestBody: { content: { "application/json": { schema: {} } } },
        responses: {},
        security: [],
      },
    },
  },
  components: {
    parameters: { Key: { name: "Key", in: "header", description: "", schema: {} } },
    responses: { Good: { description: "Good." } },
    schemas: {
      Whole: {
        properties: { success: { const: true }, data: { $ref: "#/components/schemas/Call" } },
      },
      Call: {
        title: "Call",
        description: "A call.",
        type: "object",
        required: ["at"],
        properties: {
          at: { type: "string", format: "date-time" },
          lines: { type: "array", items: { $ref: "#/components/schemas/Line" } },
          costs: { type: "object", additionalProperties: { type: "number" } },
          inner: { anyOf: [{ $ref: "#/components/schemas/Call" }, { type: "null" }] },
        },
      },
      Line: { title: "Line", properties: { kind: { enum: ["a", "b"] } } },
    },
  },
} as unknown as OpenApi;
const [CALLS] = operationGroups(WHOLE);
const [GET, PUT] = CALLS!.operations as [Operation, Operation];

describe("operations", () => {
  it("are listed by tag, and empty tags are left out", () => {
    expect(operationGroups(WHOLE).map(({ name }) => name)).toEqual(["Calls"]);
    expect(GET.parameters.map(({ name }) => name)).toEqual(["callId", "limit", "Key"]);
    expect(GET.responses[0]![1].description).toBe("Good.");
    expect([GET.isPublic, PUT.isPublic]).toEqual([false, true]);
  });

  it("are found by all words of a search", () => {
    expect(operationGroups(WHOLE, "put CALLS")[0]!.operations).toHaveLength(1);
    expect(operationGroups(WHOLE, "put nowhere")).toEqual([]);
  });
});

describe("fields", () => {
  const call = { $ref: "#/components/schemas/Call" };

  it("are those of `data` in the success envelope", () => {
    const api = { $ref: "#/components/schemas/Whole" };
    expect(withoutEnvelope(api, WHOLE)).toEqual({ schema: call, isData: true });
    expect(withoutEnvelope(call, WHOLE)).toEqual({ schema: call, isData: false });
  });

  it("are rows with their nested fields, up to a depth for recursive types", () => {
    const shape = shapeOf(call, WHOLE);
    expect(shape.title).toBe("Call");
    const rows = shape.fields.map(({ name, depth, type }) => [name, depth, type]);
    expect(rows.slice(0, 5)).toEqual([
      ["at", 0, "time"],
      ["lines", 0, "list of Line"],
      ["kind", 1, '"a" or "b"'],
      ["costs", 0, "by name: number"],
      ["inner", 0, "Call or null"],
    ]);
    expect(Math.max(...shape.fields.map(({ depth }) => depth))).toBe(3);
    expect(shape.fields[0]!.required).toBe(true);
  });

  it("are listed for each alternative", () => {
    const shape = shapeOf({ anyOf: [call, { $ref: "#/components/schemas/Line" }] }, WHOLE);
    expect(shape.choices.map(({ title }) => title)).toEqual(["Call", "Line"]);
    expect(typeOf({ type: ["number", "string"] }, WHOLE)).toBe("number or string");
    expect(limitsOf({ minimum: 1, maximum: 9, default: 5 })).toBe("1 to 9, 5 by default");
  });
});

describe("requests", () => {
  const filled = { values: { callId: "a/b", limit: "", Key: "it's" }, media: "", body: "" };

  it("contain the filled-in fields, and no empty ones", () => {
    expect(buildRequest(GET, filled)).toEqual({
      path: "/api/routes/calls/a%2Fb",
      headers: { Key: "it's" },
      body: null,
    });
    const limited = { ...filled, values: { limit: "5" } };
    expect(buildRequest(GET, limited).path).toBe("/api/routes/calls/{callId}?limit=5");
  });

  it("are shell commands with quoted values and without the token", () => {
    expect(curlCommand(GET, buildRequest(GET, filled), "http://x")).toBe(
      [
        "curl",
        '-H "Authorization: Bearer $TOKEN"',
        "-H 'Key: it'\\''s'",
        "'http://x/api/routes/calls/a%2Fb'",
      ].join(" \\\n  "),
    );
    const body = { values: { callId: "a" }, media: "application/json", body: "{}" };
    expect(curlCommand(PUT, buildRequest(PUT, body), "http://x")).toContain(
      "curl -X PUT \\\n  -H 'Content-Type: application/json' \\\n  --data-raw '{}'",
    );
    const socket = { ...GET, socket: { sent: {}, taken: {} } };
    expect(curlCommand(socket, buildRequest(GET, filled), "https://x")).toMatch(
      /^websocat .*'wss:\/\/x/s,
    );
  });

  it("show the digits of the response", () => {
    const shown = formatBody('{"a":0.10000000000000000001}', "application/json; charset=utf-8");
    expect(shown).toBe('{\n  "a": 0.10000000000000000001\n}');
    expect(formatBody("a,b", "text/csv")).toBe("a,b");
    expect(formatBody("not json", "application/json")).toBe("not json");
    expect(formatBody("x".repeat(60_000), "text/csv")).toHaveLength(50_002);
  });
});

describe("messages", () => {
  const api = {
    channels: {
      events: { address: "cost.events.v1", description: "", messages: {} },
      totals: { address: "cost.totals.v1", description: "", messages: {} },
    },
    operations: {
      receiveEvents: {
        action: "receive",
        channel: { $ref: "#/channels/events" },
        messages: [{ $ref: "#/channels/events/messages/started" }],
      },
    },
    components: {},
  };
  const messages = {
    started: { $ref: "#/components/messages/started" },
  };
  const started = {
    name: "started",
    title: "call.started",
    contentType: "application/json",
    payload: {},
    examples: [{ headers: { ce_id: "1" }, payload: { a: 1 } }],
  };
  const whole = {
    ...api,
    channels: { ...api.channels, events: { ...api.channels.events, messages } },
    components: { messages: { started } },
  } as unknown as AsyncApi;

  it("are listed by channel, with what the product does", () => {
    const [events, ...others] = channelsOf(whole);
    expect(others).toEqual([]);
    expect(events!.messages).toMatchObject([{ id: "started", action: "receive", headers: null }]);
    expect(events!.messages[0]!.example).toBe('ce_id: 1\n\n{\n  "a": 1\n}');
  });

  it("are found by all words of a search", () => {
    expect(channelsOf(whole, "EVENTS started")).toHaveLength(1);
    expect(channelsOf(whole, "totals")).toEqual([]);
  });
});
