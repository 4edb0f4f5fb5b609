// Whether the user that an administrator chose (?user=alice) exists.
import { computed, type ComputedRef } from "vue";
import { useRoute } from "vue-router";
import type { UserEntry } from "../api/bodies";
import { findUsers } from "../api/routes";
import { useLoaded } from "./load";
import { useShownUser } from "./shown-user";

/** The names of the pages that are about one user. */
export const PAGES_OF_A_USER = new Set(["now", "spending", "outlook", "budget"]);
const SIMILAR_MAX = 5;

interface UnknownUser {
  user: string;
  similar: UserEntry[];
}

/** The chosen user if the current page is about it and there is no such user, else null. */
export function useUnknownUser(): ComputedRef<UnknownUser | null> {
  const route = useRoute();
  const { user, isOtherUser } = useShownUser();
  const { data } = useLoaded(
    () => (isOtherUser.value ? user.value : null),
    async (signal) => {
      if (!isOtherUser.value) return null;
      const userId = user.value;
      return { user: userId, similar: (await findUsers(userId, SIMILAR_MAX, signal)).users };
    },
  );
  return computed(() => {
    const unknown = data.value;
    const isCurrent = isOtherUser.value && unknown?.user === user.value;
    if (!isCurrent || !PAGES_OF_A_USER.has(String(route.name))) return null;
    return unknown.similar.some(({ userId }) => userId === unknown.user) ? null : unknown;
  });
}
