// What a list of calls shows: filters, order, page size and depth, all of them in the address.
import { computed, type ComputedRef, type WritableComputedRef } from "vue";
import { useRoute, type RouteLocationRaw } from "vue-router";
import type { CallStatus } from "../api/bodies";
import {
  anyText,
  choiceOf,
  resettingShown,
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
/** The most rows that a reload, or going back, restores. */
export const SHOWN_MAX = 1_000;

const SORTS = SORT_FIELDS.flatMap((field): CallSort[] => [field, `-${field}`]);

/** The query of the list; empty texts do not filter. */
export interface CallQuery {
  span: Span;
  q: string;
  status: CallStatus | "";
  /** By persona, service, model and tag. */
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
  /** How many rows were shown. */
  shown: WritableComputedRef<number>;
  isFiltered: ComputedRef<boolean>;
  query: ComputedRef<CallQuery>;
  clear: () => void;
}

export function useCallList(span: () => Span): CallList {
  const shown = useAddressState("shown", wholeNumber(1, SHOWN_MAX), 1, "replace");
  const q = resettingShown(useAddressState("q", anyText, "", "replace"), shown);
  const [status, chosenDay] = (["status", "day"] as const).map((name) =>
    resettingShown(useAddressState(name, anyText, ""), shown),
  ) as [WritableComputedRef<string>, WritableComputedRef<string>];
  const costs = useCostFilters();
  const personaId = resettingShown(costs.personaId, shown);
  const service = resettingShown(costs.service, shown);
  const model = resettingShown(costs.model, shown);
  const tags = resettingShown(costs.tags, shown);
  const sortState = useAddressState<CallSort>("sort", choiceOf(SORTS), "-createdAt");
  const sort = resettingShown(sortState, shown);
  const size = useAddressState("size", choiceOf(PAGE_SIZES), "25", "replace");
  /** Not a day that the period no longer has. */
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
    filters: costs.query.value,
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
    shown,
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

/** Returns links to this page with one more filter of its calls. */
export function useCallFilterLinks(): (
  filter: Partial<Record<"personaId" | "service" | "day", string>>,
) => RouteLocationRaw {
  const route = useRoute();
  return (filter) => ({ query: { ...route.query, ...filter, shown: undefined } });
}

/** The order after a click on a column: descending first, then ascending. */
export const nextSort = (field: SortField, now: CallSort): CallSort =>
  now === `-${field}` ? field : `-${field}`;
