// Names of what a budget counts: the cost, which vendors take, or the charges, which users pay.
import type { Budget } from "../api/bodies";
import type { Decimal } from "cost-analytics-client";
import { formatDuration } from "../format/dates";

type Basis = Budget["budgetBasis"];

/** "Charged" or "Cost", for the beginning of a label. */
export const basisName = (basis: Basis): string => (basis === "cost" ? "Cost" : "Charged");

/** What `basisName` means, as a sentence. */
export const basisMeaning = (basis: Basis): string =>
  basis === "cost"
    ? "Cost is what vendors take for the calls."
    : "Charged is what users pay for their calls, minus refunds.";

/** When the active calls will reach a percentage of a limit. */
export const paceText = (percent: number, seconds: Decimal): string =>
  `On pace to hit ${percent}% in ${formatDuration(Number(seconds))}`;
