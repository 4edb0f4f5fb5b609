// Texts of forecasts.
import type { Interval, LimitForecast } from "../api/bodies";
import { paceText } from "../budget/basis";
import { formatMoneyBrief } from "../format/money";
import { formatDay } from "../format/dates";

const CONFIDENCE_LABELS = [
  { from: 0.7, word: "High" },
  { from: 0.35, word: "Fair" },
  { from: 0.01, word: "Low" },
];

/** A forecast's confidence (0 to 1) as a word. */
export function confidenceLabel(confidence: number): string {
  return CONFIDENCE_LABELS.find(({ from }) => confidence >= from)?.word ?? "No";
}

export function formatInterval({ low, high }: Interval): string {
  return `${formatMoneyBrief(low)} – ${formatMoneyBrief(high)}`;
}

/** When a limit is expected to be reached; `horizon` is the forecast's, such as "this month". */
export function limitForecastText(limit: LimitForecast, horizon: string): string {
  const { isReached, reachedOn, reachedIn_seconds } = limit;
  if (isReached) return "Reached";
  if (reachedIn_seconds !== null) return paceText(100, reachedIn_seconds);
  return reachedOn ? `Expected on ${formatDay(reachedOn)}` : `Not expected ${horizon}`;
}
