// Texts for what a scoped budget applies to.
import type { BudgetScope } from "../api/bodies";
import { personaName, serviceName } from "../format/names";

/** "customer: acme", "Persona Coach Lee", "All calls". */
export function scopeLabel({ kind, key, value }: BudgetScope): string {
  if (kind === "persona") return `Persona ${personaName(value)}`;
  if (kind === "tag") return `${key ?? ""}: ${value ?? ""}`;
  if (kind === "service") return serviceName(value ?? "");
  return kind === "all" ? "All users" : "All calls";
}

/** " for customer: acme", after the name of a limit; empty if it applies to all calls. */
export function scopeSuffix(scope: BudgetScope | null | undefined): string {
  if (!scope || scope.kind === "user" || scope.kind === "all") return "";
  return ` for ${scope.kind === "persona" ? personaName(scope.value) : scopeLabel(scope)}`;
}
