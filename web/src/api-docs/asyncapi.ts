// The parts of AsyncAPI that our document uses, and its channels with their messages.
import { resolveReference, type Schema } from "./openapi";

interface Reference {
  $ref: string;
}

interface MessageObject {
  $ref?: string;
  name: string;
  title: string;
  contentType: string;
  payload?: Schema;
  headers?: Schema;
  examples?: { payload: unknown; headers?: Record<string, string> }[];
}

interface ChannelObject {
  address: string;
  description: string;
  messages: Record<string, Reference>;
}

interface OperationObject {
  action: "receive" | "send";
  channel: Reference;
  summary: string;
  messages: Reference[];
}

export interface AsyncApi {
  info: { title: string; version: string; description: string };
  channels: Record<string, ChannelObject>;
  operations: Record<string, OperationObject>;
}

export interface ChannelMessage {
  id: string;
  title: string;
  /** Whether the product receives or sends the message. */
  action: "receive" | "send";
  contentType: string;
  payload: Schema | null;
  headers: Schema | null;
  /** An example as text: headers, an empty line and the value. */
  example: string | null;
}

/** A Kafka topic, or the live feed. */
export interface MessageChannel {
  name: string;
  address: string;
  description: string;
  messages: ChannelMessage[];
}

/** Returns the channels with the messages that contain all words of `search`. */
export function channelsOf(api: AsyncApi, search = ""): MessageChannel[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return Object.entries(api.channels)
    .map(([name, { address, description }]) => ({
      name,
      address,
      description,
      messages: messagesOf(api, name).filter(({ id, title }) =>
        words.every((word) => `${address} ${title} ${id}`.toLowerCase().includes(word)),
      ),
    }))
    .filter(({ messages }) => messages.length);
}

function messagesOf(api: AsyncApi, channel: string): ChannelMessage[] {
  return Object.values(api.operations)
    .filter((operation) => operation.channel.$ref === `#/channels/${channel}`)
    .flatMap(({ action, messages }) =>
      messages.map((reference) => {
        const message = resolveReference(reference as unknown as MessageObject, api);
        return {
          id: message.name,
          title: message.title,
          action,
          contentType: message.contentType,
          payload: message.payload ?? null,
          headers: message.headers ?? null,
          example: exampleOf(message),
        };
      }),
    );
}

function exampleOf({ examples }: MessageObject): string | null {
  const example = examples?.[0];
  if (!example) return null;
  const headers = Object.entries(example.headers ?? {}).map(([name, value]) => `${name}: ${value}`);
  const value = JSON.stringify(example.payload, null, 2);
  return headers.length ? `${headers.join("\n")}\n\n${value}` : value;
}
