// Filters and groups of costs, kept in the address, with the same meaning on every page.
import { computed, type ComputedRef, type WritableComputedRef } from "vue";
import { useRoute, type RouteLocationRaw } from "vue-router";
import { anyText, useAddressState, type AddressFormat } from "../app/address-state";

/** Filters as the API names them, in order. */
export type FilterQuery = [name: "personaId" | "service" | "model" | "tag", value: string][];

/** What costs are grouped by; `tag:` is followed by the key. */
export type GroupBy = "persona" | "service" | "model" | `tag:${string}`;

const TAG_KEY = /^[a-z][a-z0-9_]{0,39}$/;
const TAG = /^[a-z][a-z0-9_]{0,39}:.{0,100}$/;
const TAGS_MAX = 20;

/** Returns whether a text is the key of a tag. */
export const isTagKey = (text: string): boolean => TAG_KEY.test(text);

/** Returns whether a text is a filter by a tag: `key:value`, or `key:` for calls without it. */
export const isTagFilter = (text: string): boolean => TAG.test(text);

/** Tags, one a line: values have no line breaks. */
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
  const [personaId, service, model] = (["personaId", "service", "model"] as const).map((name) =>
    useAddressState(name, anyText, ""),
  ) as [WritableComputedRef<string>, WritableComputedRef<string>, WritableComputedRef<string>];
  const tags = useAddressState<string[]>("tag", tagList, []);
  const query = computed(() =>
    filterQuery({
      personaId: personaId.value,
      service: service.value,
      model: model.value,
      tags: tags.value,
    }),
  );
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

/** The parameters of filters that are set. */
function filterQuery(filters: {
  personaId: string;
  service: string;
  model: string;
  tags: string[];
}): FilterQuery {
  const { personaId, service, model, tags } = filters;
  const single: FilterQuery = [
    ["personaId", personaId],
    ["service", service],
    ["model", model],
  ];
  return [
    ...single.filter(([, value]) => value),
    ...tags.map((tag): FilterQuery[number] => ["tag", tag]),
  ];
}

/** Returns links to this page with one more filter by a tag, `key:value`. */
export function useTagLinks(): (tag: string) => RouteLocationRaw {
  const route = useRoute();
  return (tag) => {
    const text = route.query["tag"];
    const shown = typeof text === "string" ? (tagList.read(text) ?? []) : [];
    const tags = tagList.write([...shown.filter((other) => other !== tag), tag]);
    return { query: { ...route.query, tag: tags, shown: undefined } };
  };
}

/** A tag filter for people: "campaign: spring", "without campaign". */
export function tagFilterName(tag: string): string {
  const [key = "", ...rest] = tag.split(":");
  const value = rest.join(":");
  return value ? `${key}: ${value}` : `without ${key}`;
}
