// Texts of roundings: legs of a call that are billed in whole steps.
import type { CallCost } from "cost-analytics-client";
import { formatMoneyExact } from "../format/money";
import { withSpaces } from "../format/names";
import { formatNumber } from "../format/numbers";

export type Rounding = CallCost["roundings"][number];

/** "Rounded up to 2 min: +$0.013766667"; a leg may also cost less than its usage. */
export function roundingText({ billed_seconds, totalCost }: Rounding): string {
  const amount = `${isMore(totalCost) ? "+" : "−"}${formatMoneyExact(totalCost.replace("-", ""))}`;
  return `${roundingName({ billed_seconds, totalCost })}: ${amount}`;
}

/** "Rounded up to 2 min". */
export const roundingName = ({
  billed_seconds,
  totalCost,
}: Pick<Rounding, "billed_seconds" | "totalCost">): string =>
  `${isMore(totalCost) ? "Rounded up to" : "Billed as"} ${billedTime(billed_seconds)}`;

const isMore = (totalCost: string): boolean => Number(totalCost) >= 0;

/** "outbound call · leg b". */
export const roundedLegName = ({ operation, model, legId }: Rounding): string =>
  [withSpaces(operation), model, legId && `leg ${legId}`].filter(Boolean).join(" · ");

const billedTime = (seconds: string): string =>
  Number(seconds) % 60 === 0
    ? `${formatNumber(String(Number(seconds) / 60))} min`
    : `${formatNumber(seconds)} s`;
