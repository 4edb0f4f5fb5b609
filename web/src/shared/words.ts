// Says counts, durations, times and names the way people do.
const COUNT = new Intl.NumberFormat();
const PERCENT = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });
const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 3 });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  timeZone: "UTC",
});

export const count = (value: number | string): string => COUNT.format(Number(value));
export const number = (value: number | string): string => NUMBER.format(Number(value));
export const percent = (value: number): string => PERCENT.format(value / 100);
export const clock = (iso: string): string => CLOCK.format(new Date(iso));
export const moment = (iso: string): string => MOMENT.format(new Date(iso));
/** A UTC day such as 2025-11-19. */
export const day = (date: string): string => DAY.format(new Date(date));
export const shortDay = (seconds: number): string => SHORT_DAY.format(new Date(seconds * 1000));

/** 75 → "1:15", 3675 → "1:01:15". */
export function stopwatch(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  const two = (value: number): string => value.toString().padStart(2, "0");
  return minutes < 60
    ? `${minutes}:${two(whole % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

/** "3 h 20 min", "12 min", "45 s": at most two units. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.round(hours / 24)} days`;
}

/** "coach_lee_001" → "Coach Lee"; any other number than the first is kept. */
export function personaName(id: string | null): string {
  if (id === null || id === "unknown" || id === "") return "Unknown persona";
  const words = id.replace(/_001$/, "").split(/[_\s-]+/);
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(" ");
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
  return SERVICES[id] ?? id.charAt(0).toUpperCase() + id.slice(1);
}

/** "input_tokens" → "input tokens". */
export const plain = (name: string): string => name.replaceAll("_", " ");

/** "1 call", "20 calls". */
export const counted = (value: number | string, one: string, many: string): string =>
  `${count(value)} ${Number(value) === 1 ? one : many}`;
