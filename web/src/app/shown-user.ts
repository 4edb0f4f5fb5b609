// The user a page is about: the caller, or for administrators the one in ?user=alice.
import { computed, type ComputedRef } from "vue";
import { useRoute } from "vue-router";
import { isAdmin, session } from "./session";

export function useShownUser(): { user: ComputedRef<string>; isOtherUser: ComputedRef<boolean> } {
  const route = useRoute();
  const asked = computed(() => (isAdmin.value ? route.query["user"] : undefined));
  const user = computed(() =>
    typeof asked.value === "string" ? asked.value : (session.claims?.user ?? ""),
  );
  return { user, isOtherUser: computed(() => typeof asked.value === "string") };
}
