// Texts for the conditions and billing increments of a price.
import type { PriceConditions, PriceTarget } from "../api/bodies";
import { withSpaces } from "../format/names";
import { formatCount } from "../format/numbers";

/** "batch tier · above 200,000 input tokens · outbound · to +44"; empty without conditions. */
export function conditionsText(conditions: PriceConditions | null): string {
  if (!conditions) return "";
  const { tier, inputSizeAbove, direction, destination, voiceClass, hours } = conditions;
  return [
    tier && `${tier} tier`,
    inputSizeAbove !== undefined &&
      inputSizeAbove !== null &&
      `above ${formatCount(inputSizeAbove)} input tokens`,
    direction,
    destination && `to ${destination}`,
    voiceClass && `${voiceClass} voice`,
    hours && hoursText(hours),
  ]
    .filter(Boolean)
    .join(" · ");
}

/** "batch tier · billed in 6 s steps, at least 30 s": everything that a price depends on. */
export const detailsText = (price: PriceTarget): string =>
  [conditionsText(price.conditions), incrementsText(price)].filter(Boolean).join(" · ");

/** "billed in 60 s steps"; empty for a price of exact durations. */
export function incrementsText({ minimum_seconds, increment_seconds }: Increments): string {
  const atLeast = `at least ${minimum_seconds} s`;
  if (Number(increment_seconds) === 0) return Number(minimum_seconds) ? `billed ${atLeast}` : "";
  const steps = `billed in ${increment_seconds} s steps`;
  return Number(minimum_seconds) > Number(increment_seconds) ? `${steps}, ${atLeast}` : steps;
}

type Increments = Pick<PriceTarget, "minimum_seconds" | "increment_seconds">;

/** "22:00-06:00@Europe/London" → "22:00–06:00 Europe/London". */
function hoursText(hours: string): string {
  const [window = "", zone = "UTC"] = hours.split("@");
  return `${window.replace("-", "–")} ${withSpaces(zone)}`;
}
