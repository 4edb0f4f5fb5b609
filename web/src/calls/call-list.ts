// The state of a list of calls, in the address: filters, order, page size, number of loaded rows.
import { computed, type ComputedRef, type WritableComputedRef } from "vue";
import type { CallStatus } from "../api/bodies";
import {
  anyText,
  choiceOf,
  resettingRows,
  useAddressState,
  wholeNumber,
} from "../app/address-state";
import type { Span } from "../app/period";
import { useCostFilters, type FilterQuery } from "../spending/cost-filters";

export const STATUSES: CallStatus[] = ["active", "completed", "failed", "terminated", "abandoned"];
const SORT_FIELDS = [
  "createdAt",
  "duration_seconds",
  "totalCost",
  "chargedToUser",
  "grossProfit",
] as const;
export type SortField = (typeof SORT_FIELDS)[number];
/** A field; `-` before it sorts in descending order. */
export type CallSort = SortField | `-${SortField}`;
export const PAGE_SIZES = ["25", "50", "100"] as const;
/** A reload, or going back, loads at most this many rows again. */
export const LOADED_ROWS_MAX = 1_000;

const SORTS = SORT_FIELDS.flatMap((field): CallSort[] => [field, `-${field}`]);

/** What the list requests; empty texts do not filter. */
export interface CallQuery {
  span: Span;
  q: string;
  status: CallStatus | "";
  /** By persona, service, model and tags. */
  filters: FilterQuery;
  sort: CallSort;
}

export interface CallList {
  q: WritableComputedRef<string>;
  status: WritableComputedRef<string>;
  personaId: WritableComputedRef<string>;
  service: WritableComputedRef<string>;
  model: WritableComputedRef<string>;
  tags: WritableComputedRef<string[]>;
  /** A day of the period, such as 2026-11-19. */
  day: WritableComputedRef<string>;
  sort: WritableComputedRef<CallSort>;
  size: WritableComputedRef<(typeof PAGE_SIZES)[number]>;
  /** How many rows were loaded. */
  loadedRows: WritableComputedRef<number>;
  isFiltered: ComputedRef<boolean>;
  query: ComputedRef<CallQuery>;
  clear: () => void;
}

export function useCallList(span: () => Span): CallList {
  const loadedRows = useAddressState("shown", wholeNumber(1, LOADED_ROWS_MAX), 1, "replace");
  const resetting = <T>(state: WritableComputedRef<T>): WritableComputedRef<T> =>
    resettingRows(state, loadedRows);
  const q = resetting(useAddressState("q", anyText, "", "replace"));
  const status = resetting(useAddressState("status", anyText, ""));
  const chosenDay = resetting(useAddressState("day", anyText, ""));
  const costFilters = useCostFilters();
  const personaId = resetting(costFilters.personaId);
  const service = resetting(costFilters.service);
  const model = resetting(costFilters.model);
  const tags = resetting(costFilters.tags);
  const sort = resetting(useAddressState<CallSort>("sort", choiceOf(SORTS), "-createdAt"));
  const size = useAddressState("size", choiceOf(PAGE_SIZES), "25", "replace");
  /** Empty if the chosen day is outside of the period. */
  const day = computed({
    get: () => {
      const { start, end } = span();
      return start <= chosenDay.value && chosenDay.value <= end ? chosenDay.value : "";
    },
    set: (value) => (chosenDay.value = value),
  });
  const texts = [q, status, personaId, service, model, day];
  const query = computed(() => ({
    span: day.value ? { start: day.value, end: day.value } : span(),
    q: q.value,
    status: STATUSES.find((name) => name === status.value) ?? ("" as const),
    filters: costFilters.query.value,
    sort: sort.value,
  }));
  return {
    q,
    status,
    personaId,
    service,
    model,
    tags,
    day,
    sort,
    size,
    loadedRows,
    query,
    isFiltered: computed(
      () => texts.some((filter) => filter.value !== "") || tags.value.length > 0,
    ),
    clear: () => {
      texts.forEach((filter) => (filter.value = ""));
      tags.value = [];
    },
  };
}

/** The order after a click on a column: descending first, then ascending. */
export const nextSort = (field: SortField, current: CallSort): CallSort =>
  current === `-${field}` ? field : `-${field}`;
