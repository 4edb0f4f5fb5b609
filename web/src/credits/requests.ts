// The requests of the balance card.
import * as costs from "cost-analytics-client";
import type { Accepted, Credit, CreditChange, GrantRequest } from "../api/bodies";
import { api } from "../api/client";

/** The event that counts once a worker reads it. */
export type GrantReference = Accepted["accepted"][number];

export const loadCredit = (user: string, signal: AbortSignal): Promise<Credit> =>
  costs.getCredit(api, { userId: user }, { signal });

export const changeLowBalance = (user: string, body: CreditChange): Promise<Credit> =>
  costs.changeCredit(api, { userId: user, body });

/** Grants credit; a repeat with the same key is the same grant. */
export const grantCredit = (body: GrantRequest, key: string): Promise<Accepted> =>
  costs.grantCredit(api, { body }, { headers: { "Idempotency-Key": key } });

export const voidGrant = (
  userId: string,
  voids: GrantReference,
  reason: string,
): Promise<Accepted> => costs.voidGrant(api, { body: { userId, voids, reason } });
