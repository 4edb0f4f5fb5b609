// Filters and groups of costs, in the address, with the same meaning on every page.
import { computed, type ComputedRef, type WritableComputedRef } from "vue";
import { useRoute, type RouteLocationRaw } from "vue-router";
import { anyText, useAddressState, type AddressFormat } from "../app/address-state";

/** Filters as parameters of the API. */
export type FilterQuery = [name: "personaId" | "service" | "model" | "tag", value: string][];

/** What costs are grouped by; `tag:` is followed by the key. */
export type GroupBy = "persona" | "service" | "model" | `tag:${string}`;

const TAG_KEY = /^[a-z][a-z0-9_]{0,39}$/;
const TAG_FILTER = /^[a-z][a-z0-9_]{0,39}:.{0,100}$/;
const TAGS_MAX = 20;

export const isTagKey = (text: string): boolean => TAG_KEY.test(text);

/** Returns whether a text is a filter by a tag: `key:value`, or `key:` for calls without it. */
export const isTagFilter = (text: string): boolean => TAG_FILTER.test(text);

/** Tags separated by line breaks, which values cannot have. */
const tagList: AddressFormat<string[]> = {
  read: (text) => {
    const tags = [...new Set(text.split("\n").filter(isTagFilter))].slice(0, TAGS_MAX);
    return tags.length ? tags : null;
  },
  write: (tags) => tags.join("\n"),
};

export const groupFormat: AddressFormat<GroupBy> = {
  read: (text) => {
    if (text === "persona" || text === "service" || text === "model") return text;
    return text.startsWith("tag:") && isTagKey(text.slice("tag:".length))
      ? (text as GroupBy)
      : null;
  },
  write: (group) => group,
};

export interface CostFilters {
  personaId: WritableComputedRef<string>;
  service: WritableComputedRef<string>;
  model: WritableComputedRef<string>;
  tags: WritableComputedRef<string[]>;
  isFiltered: ComputedRef<boolean>;
  query: ComputedRef<FilterQuery>;
  clear: () => void;
}

export function useCostFilters(): CostFilters {
  const personaId = useAddressState("personaId", anyText, "");
  const service = useAddressState("service", anyText, "");
  const model = useAddressState("model", anyText, "");
  const tags = useAddressState<string[]>("tag", tagList, []);
  const query = computed((): FilterQuery => {
    const single: FilterQuery = [
      ["personaId", personaId.value],
      ["service", service.value],
      ["model", model.value],
    ];
    return [
      ...single.filter(([, value]) => value),
      ...tags.value.map((tag): FilterQuery[number] => ["tag", tag]),
    ];
  });
  return {
    personaId,
    service,
    model,
    tags,
    query,
    isFiltered: computed(() => query.value.length > 0),
    clear: () => {
      for (const filter of [personaId, service, model]) filter.value = "";
      tags.value = [];
    },
  };
}

/** Returns links to this page with one more filter. */
export function useFilterLinks(): (
  filter: Partial<Record<"personaId" | "service" | "model" | "day", string>>,
) => RouteLocationRaw {
  const route = useRoute();
  return (filter) => ({ query: { ...route.query, ...filter, shown: undefined } });
}

/** Returns links to this page with one more filter by a tag, `key:value`. */
export function useTagLinks(): (tag: string) => RouteLocationRaw {
  const route = useRoute();
  return (tag) => {
    const text = route.query["tag"];
    const current = typeof text === "string" ? (tagList.read(text) ?? []) : [];
    const tags = tagList.write([...current.filter((other) => other !== tag), tag]);
    return { query: { ...route.query, tag: tags, shown: undefined } };
  };
}

/** The text of a tag filter: "campaign: spring", "without campaign". */
export function tagFilterName(tag: string): string {
  const [key = "", ...rest] = tag.split(":");
  const value = rest.join(":");
  return value ? `${key}: ${value}` : `without ${key}`;
}
