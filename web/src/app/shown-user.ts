// Whose figures a page shows: one's own, or for an administrator somebody else's (?user=alice).
import { computed, type ComputedRef } from "vue";
import { useRoute } from "vue-router";
import { isAdmin, session } from "./session";

export function useWhose(): { user: ComputedRef<string>; other: ComputedRef<boolean> } {
  const route = useRoute();
  const asked = computed(() => (isAdmin.value ? route.query["user"] : undefined));
  const user = computed(() =>
    typeof asked.value === "string" ? asked.value : (session.claims?.user ?? ""),
  );
  return { user, other: computed(() => typeof asked.value === "string") };
}
