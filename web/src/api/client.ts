// The dashboard's client of the API: sends the session's token, and signs out when it is refused.
import { CostClient } from "cost-analytics-client";
import { session, signOut } from "../app/session";

export const api = new CostClient({
  token: () => session.token,
  // Pages show an error at once, and refresh themselves.
  retries: 0,
  onError: ({ status, message }) => {
    if (status === 401 && session.token) signOut(`${message} Sign in again.`);
  },
});
