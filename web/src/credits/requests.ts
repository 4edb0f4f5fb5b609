// The requests of the balance card; not in api/routes.ts, so that other pages do not load them.
import * as costs from "cost-analytics-client";
import type { Accepted, Credit, CreditChange, GrantRequest } from "../api/bodies";
import { api } from "../api/client";

/** The event of a grant, which counts once a worker has read it. */
export type GrantReference = Accepted["accepted"][number];

export const loadCredit = (user: string, signal: AbortSignal): Promise<Credit> =>
  costs.getCredit(api, { userId: user }, { signal });

export const changeLowBalance = (user: string, body: CreditChange): Promise<Credit> =>
  costs.changeCredit(api, { userId: user, body });

/** Grants credit; requests with the same key are one grant. */
export const grantCredit = (body: GrantRequest, idempotencyKey: string): Promise<Accepted> =>
  costs.grantCredit(api, { body }, { headers: { "Idempotency-Key": idempotencyKey } });

export const voidGrant = (
  userId: string,
  voids: GrantReference,
  reason: string,
): Promise<Accepted> => costs.voidGrant(api, { body: { userId, voids, reason } });
