// The layers of the chart of daily costs: by service, or by persona.
import type { CostByService, DayCost } from "../api/bodies";
import type { Decimal } from "cost-analytics-client";
import { largestFirst, serviceLayer, type Layer } from "../charts/stack";
import { decimal, nano, sum } from "../format/decimal";
import { personaName } from "../format/names";
import { rankColour } from "../format/services";

const PERSONAS_MAX = 8;

/** A day's costs; those of all users have no `costByPersona`. */
export type ChartDay = DayCost & { costByPersona?: CostByService };

export function daysByService(days: ChartDay[]): Layer[] {
  const services = new Set(days.flatMap((day) => Object.keys(day.costByService)));
  return largestFirst(
    [...services].map((service) =>
      serviceLayer(
        service,
        days.map((day) => day.costByService[service] ?? "0"),
      ),
    ),
  );
}

/** The most expensive personas, and the sum of all others. */
export function daysByPersona(days: ChartDay[]): Layer[] {
  const personas = new Set(days.flatMap((day) => Object.keys(day.costByPersona ?? {})));
  const ranked = largestFirst(
    [...personas].map((persona) => ({
      key: persona,
      name: personaName(persona),
      colour: "",
      amounts: days.map((day) => day.costByPersona?.[persona] ?? "0"),
    })),
  ).slice(0, PERSONAS_MAX);
  const coloured = ranked.map((layer, rank) => ({ ...layer, colour: rankColour(rank) }));
  const others = days.map((day, index) => remainder(day.totalCost, coloured, index));
  const othersLayer = { key: "others", name: "Others", colour: "--line-strong", amounts: others };
  return others.some((amount) => Number(amount) !== 0) ? [...coloured, othersLayer] : coloured;
}

/** What is left of a day's total without the amounts of `layers`. */
function remainder(total: Decimal, layers: Layer[], index: number): Decimal {
  return decimal(nano(total) - nano(sum(layers.map(({ amounts }) => amounts[index] ?? "0"))));
}
