// The user a page is about: the caller, or for administrators the one in ?user=alice.
import { computed, type ComputedRef } from "vue";
import { anyText, useAddressState } from "./address-state";
import { isAdmin, session } from "./session";

export function useShownUser(): { user: ComputedRef<string>; isOtherUser: ComputedRef<boolean> } {
  const chosen = useAddressState("user", anyText, "");
  const isOtherUser = computed(() => isAdmin.value && chosen.value !== "");
  const user = computed(() => (isOtherUser.value ? chosen.value : (session.claims?.user ?? "")));
  return { user, isOtherUser };
}
