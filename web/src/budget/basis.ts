// The words for what a budget counts. Cost is what vendors take, charged is what the user pays.
import type { Budget } from "../api/bodies";
import type { Decimal } from "cost-analytics-client";
import { formatDuration } from "../format/dates";

type Basis = Budget["budgetBasis"];

/** "Charged" or "Cost", at the beginning of a label. */
export const basisName = (basis: Basis): string => (basis === "cost" ? "Cost" : "Charged");

/** What the word means, as a sentence. */
export const basisMeaning = (basis: Basis): string =>
  basis === "cost"
    ? "Cost is what vendors take for the calls."
    : "Charged is what users pay for their calls, minus refunds.";

/** When a share of a limit is reached at the pace of active calls. */
export const paceText = (percent: number, seconds: Decimal): string =>
  `On pace to hit ${percent}% in ${formatDuration(Number(seconds))}`;
