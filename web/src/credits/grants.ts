// What the page says of a prepaid balance and of a grant.
import type { Credit, Grant } from "../api/bodies";
import { formatDateTime, formatDay } from "../format/dates";
import { formatMoney } from "../format/money";

/** The rest of a grant and when it ends, or why it does not count. */
export function grantNote(grant: Grant): string {
  const amount = formatMoney(grant.amount_usd);
  switch (grant.state) {
    case "voided":
      return `${amount}, voided: ${grant.voidReason || "no reason given"}`;
    case "expired":
      return `${amount}, ${formatMoney(grant.expired_usd)} expired unused`;
    case "used":
      return `${amount}, used up`;
    case "upcoming":
      return `${amount}, valid from ${formatDateTime(grant.validFrom)}`;
    default:
      return `of ${amount}${grant.expiresAt ? `, expires ${formatDateTime(grant.expiresAt)}` : ""}`;
  }
}

/** How long the balance lasts, in a sentence. */
export function lastingNote(credit: Credit): string {
  const balance = Number(credit.balance_usd);
  if (balance < 0) return "Later charges made the balance negative. The next grant pays this debt.";
  if (balance === 0) return "New calls are refused until credit is added.";
  const pace = `At ${formatMoney(credit.chargedPerDay_usd)} a day, the average of the last 7 days`;
  if (credit.lastsUntil) return `${pace}, it lasts until ${formatDay(credit.lastsUntil)}.`;
  return Number(credit.chargedPerDay_usd)
    ? `${pace}, its end is not in sight.`
    : "Nothing was charged in the last 7 days.";
}
