// Titles of alerts, and the names of the limits that raise them.
import type { Alert } from "../api/bodies";
import { session } from "../app/session";
import { capitalize } from "../format/names";
import { scopeSuffix } from "./scopes";

export const LIMIT_NAMES: Record<Alert["type"], string> = {
  daily: "daily limit",
  weekly: "weekly limit",
  monthly: "monthly limit",
  call: "per-call limit",
};

/** "80% of daily limit used", "Daily limit reached". */
export function alertTitle(alert: Alert): string {
  const limit = LIMIT_NAMES[alert.type] + scopeSuffix(alert.scope);
  const percent = Number(alert.threshold_percent);
  const text = percent === 100 ? `${capitalize(limit)} reached` : `${percent}% of ${limit} used`;
  return `${ownerPrefix(alert)}${text}`;
}

/** Whose limit it is; empty for those of the signed-in user, of a service and of a tag. */
function ownerPrefix({ userId, scope }: Alert): string {
  if (userId === "") return scope?.kind === "all" ? "All users: " : "";
  return userId === session.claims?.user ? "" : `${userId}: `;
}
