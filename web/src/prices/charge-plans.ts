// The kinds of charge plans, their fields, and the calls that a plan applies to.
import type { ChargePlan, NewChargePlan } from "../api/bodies";

export type PlanKind = ChargePlan["kind"];
export type PlanField =
  "amount_usd" | "minimum_seconds" | "increment_seconds" | "includedMinutes" | "markup_percent";

export const KIND_LABELS: Record<PlanKind, string> = {
  per_call: "Per call",
  per_minute: "Per minute",
  cost_plus: "Cost plus a markup",
  default: "Default price",
  ended: "End of the plan",
};

/** The fields of each kind; the first one is required. */
export const FIELDS: Record<PlanKind, PlanField[]> = {
  per_call: ["amount_usd"],
  per_minute: ["amount_usd", "minimum_seconds", "increment_seconds", "includedMinutes"],
  cost_plus: ["markup_percent", "amount_usd"],
  default: [],
  ended: [],
};

const FIELD_LABELS: Record<PlanField, string> = {
  amount_usd: "Amount (USD)",
  minimum_seconds: "Minimum (seconds)",
  increment_seconds: "Increment (seconds)",
  includedMinutes: "Minutes included per call",
  markup_percent: "Markup (%)",
};

export const fieldLabel = (kind: PlanKind, field: PlanField): string =>
  kind === "cost_plus" && field === "amount_usd" ? "Fixed amount (USD)" : FIELD_LABELS[field];

type PlanScope = Pick<ChargePlan, "userId" | "personaId" | "tagKey" | "tagValue">;

export function planScopeLabel({ userId, personaId, tagKey, tagValue }: PlanScope): string {
  const parts = [
    userId && `User ${userId}`,
    personaId && `Persona ${personaId}`,
    tagKey && `Tag ${tagKey}=${tagValue}`,
  ].filter(Boolean);
  return parts.join(", ") || "All calls";
}

/** The fields of the form, as typed. */
export interface PlanForm extends PlanScope, Record<PlanField, string> {
  kind: PlanKind;
  /** A UTC day, or empty for now. */
  from: string;
}

/** Returns the body of a new plan, with the filled fields of its kind only. */
export function planBody(form: PlanForm): NewChargePlan {
  const { kind, userId, personaId, tagKey, tagValue, from } = form;
  const body: Record<string, string | number> = { kind, userId, personaId, tagKey, tagValue };
  for (const field of FIELDS[kind]) {
    const text = form[field].trim();
    const isAmount = field === "amount_usd" || field === "markup_percent";
    if (text) body[field] = isAmount ? text : Number(text);
  }
  if (from) body["effectiveFrom"] = `${from}T00:00:00Z`;
  return body as unknown as NewChargePlan;
}
