// The shell command that reports a first cost, for users who try the API.
import { shellQuoted } from "../format/shell";

/** Returns a curl command that reports one minute of telephony; `token` may be a shell variable. */
export function trackCommand(origin: string, token: string, userId: string): string {
  const cost = JSON.stringify({
    callId: "my-first-call",
    userId,
    service: "twilio",
    operation: "voice_call",
    usageAmount: 1,
    usageUnit: "minutes",
  });
  return [
    `curl ${origin}/api/costs/track`,
    `-H "Authorization: Bearer ${token}" -H "Content-Type: application/json"`,
    `-d ${shellQuoted(cost)}`,
  ].join(" \\\n  ");
}
