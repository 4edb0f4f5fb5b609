import { describe, expect, it } from "vitest";
import type { Channel } from "../api/bodies";
import { channelHistory, channelStatus, settingsText } from "./labels";

const channel = (change: Partial<Channel>): Channel =>
  ({ state: "verified", reason: null, deliveredAt: null, failures: "0", ...change }) as Channel;

describe("channels", () => {
  it("have a status that says what to do", () => {
    expect(channelStatus(channel({}))).toMatchObject({ tone: "good", text: "" });
    expect(channelStatus(channel({ state: "unverified" })).text).toMatch(/Enter the code/);
    const off = channelStatus(channel({ state: "disabled", reason: "The endpoint is gone." }));
    expect(off.tone).toBe("bad");
    expect(off.text).toMatch(/^The endpoint is gone\. Send a new code/);
    expect(channelStatus(channel({ state: "disabled" })).text).not.toContain("null");
  });

  it("have a history: the last delivery and the failures since", () => {
    expect(channelHistory(channel({}))).toBe("No deliveries yet.");
    expect(channelHistory(channel({ state: "unverified" }))).toBe("");
    expect(channelHistory(channel({ failures: "1" }))).toMatch(/1 failed attempt since/);
    const some = channelHistory(channel({ deliveredAt: "2026-01-05T12:00:00Z", failures: "12" }));
    expect(some).toMatch(/^Last delivered .*2026.*, 12 failed attempts since\.$/);
  });
});

describe("settings of a channel", () => {
  it("name what it receives and its quiet hours", () => {
    expect(settingsText({ kinds: [], quietHours: null })).toBe("No notifications");
    const quietHours = { start: "22:00", end: "07:00", timezone: null };
    expect(settingsText({ kinds: ["alert", "anomaly"], quietHours })).toBe(
      "Budget alerts, anomalies · quiet 22:00–07:00",
    );
  });
});
