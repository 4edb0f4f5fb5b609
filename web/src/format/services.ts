// The order and colours of services, the same on every page. The colours differ for people with any
// kind of colour blindness: see services.test.ts.
export const SERVICE_ORDER = [
  "twilio",
  "deepgram",
  "cerebras",
  "elevenlabs",
  "openai",
  "stripe",
  "raindrop",
  "vultr",
  "vercel",
];
const SPARE_COLOURS = 4;

/** The CSS variable of a service's colour; unknown services share the spare colours. */
export function serviceColour(service: string): string {
  if (SERVICE_ORDER.includes(service)) return `--service-${service}`;
  let hash = 0;
  for (const character of service) hash = (hash * 31 + character.charCodeAt(0)) % 9973;
  return `--service-spare-${(hash % SPARE_COLOURS) + 1}`;
}

/** The CSS variable of the colour of a persona by its rank; 0 is the largest. */
export const rankColour = (rank: number): string =>
  `--service-${SERVICE_ORDER[rank % SERVICE_ORDER.length] ?? "twilio"}`;

/** Returns each service once: known ones in a fixed order, then the others by name. */
export function sortServices(services: Iterable<string>): string[] {
  const rank = (service: string): number => {
    const index = SERVICE_ORDER.indexOf(service);
    return index < 0 ? SERVICE_ORDER.length : index;
  };
  return [...new Set(services)].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}
