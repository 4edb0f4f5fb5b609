// Texts of the permissions of a key.
import type { WantedApiKey } from "../api/bodies";

export type Scope = WantedApiKey["scopes"][number];

export const SCOPES: readonly { value: Scope; label: string }[] = [
  { value: "ingest", label: "Send events" },
  { value: "reserve", label: "Authorize calls" },
  { value: "read", label: "Read costs of all users" },
];

export const scopesText = (scopes: readonly Scope[]): string =>
  SCOPES.filter(({ value }) => scopes.includes(value))
    .map(({ label }) => label)
    .join(", ");
