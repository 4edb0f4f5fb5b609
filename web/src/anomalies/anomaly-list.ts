// The state of a list of anomalies, in the address: filters and number of loaded rows.
import { computed, type ComputedRef, type WritableComputedRef } from "vue";
import type { Anomaly } from "../api/bodies";
import type { AnomalyFilter } from "../api/routes";
import { choiceOf, resettingRows, useAddressState, wholeNumber } from "../app/address-state";

export const ROWS_PER_PAGE = 10;
/** The API's limit. */
export const ROWS_PER_REQUEST_MAX = 200;
/** A reload, or going back, loads at most this many rows again. */
export const LOADED_ROWS_MAX = 500;

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
  /** How many rows were loaded. */
  loadedRows: WritableComputedRef<number>;
  filter: ComputedRef<AnomalyFilter>;
}

export function useAnomalyFilters(): AnomalyFilters {
  const loadedRows = useAddressState("shown", wholeNumber(1, LOADED_ROWS_MAX), 1, "replace");
  const kindState = useAddressState("kind", choiceOf(KINDS.map(({ value }) => value)), "");
  const dismissedState = useAddressState(
    "dismissed",
    choiceOf(DISMISSED.map(({ value }) => value)),
    "no",
  );
  const kind = resettingRows(kindState, loadedRows);
  const dismissed = resettingRows(dismissedState, loadedRows);
  return {
    kind,
    dismissed,
    loadedRows,
    filter: computed(() => ({
      kind: kind.value,
      dismissed: DISMISSED_PARAMETERS[dismissed.value],
    })),
  };
}
