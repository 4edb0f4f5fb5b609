// The voice stacks on the page Connect: how each one reports costs, and what to copy for it.
import { trackCommand } from "../api/track-command";

/** How a stack reports: with a key of a service, by webhooks to an endpoint, or to Kafka. */
export type Transport = "key" | "endpoint" | "kafka";

export interface Stack {
  value: string;
  label: string;
  transport: Transport;
  /** What to copy; `key` is a placeholder until a key is created. */
  snippet?: (origin: string, key: string) => string;
  /** What to do, in this order, with `code`. */
  steps: readonly string[];
  /** The page of the documentation, in the project's repository. */
  doc: string;
  /** For endpoints: the vendor's name in the API, and the query of the address. */
  provider?: string;
  query?: string;
  /** For endpoints: configuration to copy; the arguments are placeholders until they are created. */
  config?: (address: string, secret: string) => string;
  /** The name of the vendor's secret that has to be entered; without it, a secret is created. */
  secretName?: string;
}

export const STACKS: readonly Stack[] = [
  {
    value: "python",
    label: "Python",
    transport: "key",
    doc: "docs/integrations/python.md",
    steps: [
      "Install it from a clone of Cost Analytics: `pip install ./clients/python`",
      "Add to your bot:",
    ],
    snippet: (origin, key) => `from cost_analytics_emitter import Emitter

emitter = Emitter("${origin}", "${key}", source="/voice-bot")

async with emitter.call(user="alice") as call:
    call.usage("deepgram", "streaming_stt", 4.2, "seconds", model="nova-2")
    call.usage("twilio", "outbound_call", 63, "seconds")`,
  },
  {
    value: "pipecat",
    label: "Pipecat",
    transport: "key",
    doc: "docs/integrations/pipecat.md",
    steps: [
      "Install it from a clone of Cost Analytics: `pip install './clients/python[pipecat]'`",
      "Add the observer to your pipeline:",
    ],
    snippet: (origin, key) => `from cost_analytics_emitter import Emitter
from cost_analytics_emitter.pipecat import CostObserver

emitter = Emitter("${origin}", "${key}", source="/voice-bot")

worker = PipelineWorker(
    pipeline,
    params=PipelineParams(enable_usage_metrics=True),
    observers=[CostObserver(emitter, user="alice")],
)`,
  },
  {
    value: "livekit",
    label: "LiveKit",
    transport: "key",
    doc: "docs/integrations/livekit.md",
    steps: [
      "Install it from a clone of Cost Analytics: `pip install './clients/python[livekit]'`",
      "Attach it to your session:",
    ],
    snippet: (origin, key) => `from cost_analytics_emitter import Emitter
from cost_analytics_emitter.livekit import attach

emitter = Emitter("${origin}", "${key}", source="/voice-bot")

attach(session, emitter)  # before session.start(…)`,
  },
  {
    value: "opentelemetry",
    label: "OpenTelemetry",
    transport: "key",
    doc: "docs/integrations/opentelemetry.md",
    steps: ["Set these variables for a bot that exports traces over OTLP/HTTP:"],
    snippet: (origin, key) => `export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=${origin}/v1/traces
export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20${key}"
export OTEL_RESOURCE_ATTRIBUTES="user.id=alice"`,
  },
  {
    value: "vapi",
    label: "Vapi",
    transport: "endpoint",
    provider: "vapi",
    doc: "docs/integrations/webhooks.md#vapi",
    steps: [
      "Enter the address as the server URL of the assistant, the phone number or the organization.",
      "Choose the server messages `end-of-call-report` and `status-update`.",
      "Enter the secret as a custom credential of type HMAC.",
      "Set `metadata.userId` when you create a call.",
    ],
  },
  {
    value: "retell",
    label: "Retell",
    transport: "endpoint",
    provider: "retell",
    secretName: "Retell's API key with the webhook badge",
    doc: "docs/integrations/webhooks.md#retell",
    steps: [
      "Enter the address as the webhook of the agent or the account.",
      "Choose `call_started`, `call_ended` and `call_analyzed`.",
      "Set `metadata.userId` when you create a call.",
    ],
  },
  {
    value: "twilio",
    label: "Twilio",
    transport: "endpoint",
    provider: "twilio",
    query: "userId=alice",
    secretName: "Twilio's auth token",
    doc: "docs/integrations/webhooks.md#twilio",
    steps: [
      "Enter the address as the `StatusCallback` of each call, with the id of its user.",
      "Set `PUBLIC_URL` of Cost Analytics to the address that Twilio calls.",
    ],
  },
  {
    value: "telnyx",
    label: "Telnyx",
    transport: "endpoint",
    provider: "telnyx",
    secretName: "The public key of your Telnyx account",
    doc: "docs/integrations/webhooks.md#telnyx",
    steps: [
      "Enter the address as the webhook of the Call Control application.",
      'Set client_state to the base64 of {"userId": "alice"} when you dial or answer.',
    ],
  },
  {
    value: "elevenlabs",
    label: "ElevenLabs",
    transport: "endpoint",
    provider: "elevenlabs",
    secretName: "The secret that ElevenLabs shows when you make the webhook",
    doc: "docs/integrations/webhooks.md#elevenlabs",
    steps: [
      "Enter the address as the post-call webhook of the workspace.",
      "Set the dynamic variable `userId` of each conversation.",
    ],
  },
  {
    value: "deepgram",
    label: "Deepgram",
    transport: "endpoint",
    provider: "deepgram",
    query: "userId=alice",
    doc: "docs/integrations/webhooks.md#deepgram",
    steps: [
      "Send the address as the callback of each request, with the secret as its password: `https://costs:SECRET@…`",
    ],
  },
  {
    value: "litellm",
    label: "LiteLLM",
    transport: "endpoint",
    provider: "litellm",
    doc: "docs/integrations/litellm.md",
    steps: [
      "Add this to the proxy's `config.yaml`:",
      'Give each request its call and its user: metadata {"call_id": …, "user_id": …}.',
    ],
    config: (address, secret) => `litellm_settings:
  success_callback: ["cost_analytics"]
  turn_off_message_logging: true

callback_settings:
  cost_analytics:
    callback_type: generic_api
    endpoint: ${address}
    headers: {Authorization: "Bearer ${secret}"}
    max_retries: 8`,
  },
  {
    value: "logs",
    label: "Log files",
    transport: "key",
    doc: "docs/integrations/logs.md",
    steps: ["Write a mapping for the lines of your log, and try it:", "Then follow the file:"],
    snippet: (origin, key) => `cost-analytics map try bot.toml /var/log/bot.log

export INTAKE_URL=${origin} INTAKE_TOKEN=${key}
cost-analytics follow /var/log/bot.log --map bot.toml`,
  },
  {
    value: "http",
    label: "HTTP",
    transport: "key",
    doc: "docs/events.md",
    steps: ["Report each cost:"],
    snippet: (origin, key) => trackCommand(origin, key, "alice"),
  },
  {
    value: "kafka",
    label: "Kafka",
    transport: "kafka",
    doc: "docs/events.md",
    steps: [
      "Install it from a clone of Cost Analytics: `pip install './clients/python[kafka]'`",
      "Add to your bot. It needs the right to write to the topic `cost.call-events.v1`:",
    ],
    snippet: () => `from cost_analytics_emitter import Emitter

emitter = Emitter(kafka="broker-1:9092", source="/voice-bot")

async with emitter.call(user="alice") as call:
    call.usage("twilio", "outbound_call", 63, "seconds")`,
  },
];

export const stackNamed = (value: string): Stack =>
  STACKS.find((stack) => stack.value === value) ?? (STACKS[0] as Stack);
