// What a further budget applies to, in words.

import type { BudgetScope } from "../api/bodies";
import { personaName, serviceName } from "../format/names";

/** The scope as a label, such as "customer: acme" or "Whole account". */
export function scopeLabel({ kind, key, value }: BudgetScope): string {
  if (kind === "persona") return `Persona ${personaName(value)}`;
  if (kind === "tag") return `${key ?? ""}: ${value ?? ""}`;
  if (kind === "service") return serviceName(value ?? "");
  return kind === "all" ? "All users" : "Whole account";
}

/** The scope behind a limit: " for customer: acme"; nothing for a whole user and for all users. */
export function scopeSuffix(scope: BudgetScope | null | undefined): string {
  if (!scope || scope.kind === "user" || scope.kind === "all") return "";
  return ` for ${scope.kind === "persona" ? personaName(scope.value) : scopeLabel(scope)}`;
}
