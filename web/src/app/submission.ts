// A request that a form or a button sends: whether it is running, and why the last one failed.
import { ref, shallowRef, type Ref, type ShallowRef } from "vue";
import { ApiError } from "cost-analytics-client";

interface Submission<Args extends unknown[]> {
  busy: Ref<boolean>;
  /** The API's error of the last request, else null. */
  problem: ShallowRef<ApiError | null>;
  submit: (...args: Args) => Promise<void>;
}

/** `submit` calls `send`, and does nothing while an earlier call is busy. */
export function useSubmission<Args extends unknown[]>(
  send: (...args: Args) => Promise<void>,
): Submission<Args> {
  const busy = ref(false);
  const problem = shallowRef<ApiError | null>(null);
  async function submit(...args: Args): Promise<void> {
    if (busy.value) return;
    busy.value = true;
    problem.value = null;
    try {
      await send(...args);
    } catch (failure) {
      if (!(failure instanceof ApiError)) throw failure;
      problem.value = failure;
    } finally {
      busy.value = false;
    }
  }
  return { busy, problem, submit };
}
