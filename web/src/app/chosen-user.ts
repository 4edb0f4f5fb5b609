// The pages about one user, and whether the user that an administrator chose (?user=alice) exists.
import { computed, type ComputedRef } from "vue";
import { useRoute } from "vue-router";
import type { UserEntry } from "../api/bodies";
import { findUsers } from "../api/routes";
import { useLoaded } from "./load";
import { useShownUser } from "./shown-user";

/** The names of the routes of pages that show one user. */
export const USER_PAGES = new Set(["live", "spending", "forecast", "budget"]);
const SIMILAR_MAX = 5;

interface UnknownUser {
  user: string;
  similar: UserEntry[];
}

/** Returns the chosen user if it does not exist and the current page would show it, else null. */
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
    if (!isCurrent || !USER_PAGES.has(String(route.name))) return null;
    return unknown.similar.some(({ userId }) => userId === unknown.user) ? null : unknown;
  });
}
