// Texts of the conditions of a price.
import type { PriceConditions } from "../api/bodies";
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

/** "22:00-06:00@Europe/London" → "22:00–06:00 Europe/London". */
function hoursText(hours: string): string {
  const [window = "", zone = "UTC"] = hours.split("@");
  return `${window.replace("-", "–")} ${withSpaces(zone)}`;
}
