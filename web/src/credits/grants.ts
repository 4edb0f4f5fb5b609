// Texts of a prepaid balance and of its grants.
import type { Credit, Grant } from "../api/bodies";
import { formatDateTime, formatDay } from "../format/dates";
import { formatMoney } from "../format/money";

/** Whether a grant counts, and if not, why. */
export function grantStatus(grant: Grant): string {
  switch (grant.state) {
    case "voided":
      return `Voided: ${grant.voidReason || "no reason given"}`;
    case "expired":
      return `Expired, ${formatMoney(grant.expired_usd)} unused`;
    case "used":
      return "Used up";
    case "upcoming":
      return `Valid from ${formatDateTime(grant.validFrom)}`;
    default:
      return "Valid";
  }
}

/** The rest of a grant; a dash if it does not count. */
export const grantRest = (grant: Grant): string =>
  grant.state === "valid" || grant.state === "used"
    ? formatMoney(grant.remaining_usd)
    : grant.state === "upcoming"
      ? formatMoney(grant.amount_usd)
      : "–";

/** How long the balance lasts, in a sentence. */
export function lastingNote(credit: Credit): string {
  const balance = Number(credit.balance_usd);
  if (balance < 0) return "Later charges made the balance negative. The next grant pays this debt.";
  if (balance === 0) return "New calls are refused until credit is added.";
  const pace = `At ${formatMoney(credit.chargedPerDay_usd)} a day, the average of the last 7 days`;
  if (credit.lastsUntil) return `${pace}, it lasts until ${formatDay(credit.lastsUntil)}.`;
  return Number(credit.chargedPerDay_usd)
    ? `${pace}, it lasts for more than 100 years.`
    : "Nothing was charged in the last 7 days.";
}
