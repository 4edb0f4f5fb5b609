// Display names of personas, services and identifiers.

export const capitalize = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** "coach_lee_001" → "Coach Lee"; numbers other than 001 are kept. */
export function personaName(id: string | null): string {
  if (id === null || id === "unknown" || id === "") return "Unknown persona";
  const words = id.replace(/_001$/, "").split(/[_\s-]+/);
  return words.map(capitalize).join(" ");
}

const SERVICES: Record<string, string> = {
  twilio: "Twilio",
  deepgram: "Deepgram",
  cerebras: "Cerebras",
  elevenlabs: "ElevenLabs",
  openai: "OpenAI",
  raindrop: "Raindrop",
  vultr: "Vultr",
  vercel: "Vercel",
  stripe: "Stripe",
};

export function serviceName(id: string): string {
  return SERVICES[id] ?? capitalize(id);
}

/** "input_tokens" → "input tokens". */
export const withSpaces = (name: string): string => name.replaceAll("_", " ");
