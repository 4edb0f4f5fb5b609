// Texts of a prepaid balance and its grants.
import type { Credit, Grant } from "../api/bodies";
import { formatDateTime, formatDay } from "../format/dates";
import { formatMoney } from "../format/money";

/** The state of a grant, with details. */
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

/** What is left of a grant; a dash if it is voided or expired. */
export function remainingText({ state, amount_usd, remaining_usd }: Grant): string {
  if (state === "voided" || state === "expired") return "–";
  return formatMoney(state === "upcoming" ? amount_usd : remaining_usd);
}

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
