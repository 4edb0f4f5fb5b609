// What a list of anomalies shows: filters and depth, all of them in the address.
import { computed, type ComputedRef, type WritableComputedRef } from "vue";
import type { Anomaly } from "../api/bodies";
import type { AnomalyChoice } from "../api/routes";
import { choiceOf, resettingShown, useAddressState, wholeNumber } from "../app/address-state";

export const ROWS_A_PAGE = 10;
/** The API's limit. */
export const ROWS_A_REQUEST_MAX = 200;
/** The most rows that a reload, or going back, restores. */
export const SHOWN_MAX = 500;

export const KINDS: { value: Anomaly["kind"] | ""; label: string }[] = [
  { value: "", label: "All kinds" },
  { value: "call_spike", label: "Expensive calls" },
  { value: "day_spike", label: "Expensive days" },
  { value: "missing_leg", label: "Missing costs" },
  { value: "silent_call", label: "Silent calls" },
  { value: "abandoned_call", label: "Abandoned calls" },
];
export const DISMISSED: { value: "no" | "yes" | "any"; label: string }[] = [
  { value: "no", label: "Not dismissed" },
  { value: "yes", label: "Dismissed" },
  { value: "any", label: "Dismissed or not" },
];
const DISMISSED_PARAMETERS = { no: "false", yes: "true", any: "any" } as const;

export interface AnomalyFilters {
  kind: WritableComputedRef<Anomaly["kind"] | "">;
  dismissed: WritableComputedRef<"no" | "yes" | "any">;
  /** How many rows were shown. */
  shown: WritableComputedRef<number>;
  choice: ComputedRef<AnomalyChoice>;
}

export function useAnomalyFilters(): AnomalyFilters {
  const shown = useAddressState("shown", wholeNumber(1, SHOWN_MAX), 1, "replace");
  const kindState = useAddressState("kind", choiceOf(KINDS.map(({ value }) => value)), "");
  const dismissedState = useAddressState(
    "dismissed",
    choiceOf(DISMISSED.map(({ value }) => value)),
    "no",
  );
  const kind = resettingShown(kindState, shown);
  const dismissed = resettingShown(dismissedState, shown);
  return {
    kind,
    dismissed,
    shown,
    choice: computed(() => ({
      kind: kind.value,
      dismissed: DISMISSED_PARAMETERS[dismissed.value],
    })),
  };
}
