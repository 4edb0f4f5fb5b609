// A client of Cost Analytics: REST with exact numbers, and the live feed.
export { CostClient, type ClientOptions, type Optional, type RequestOptions } from "./client.js";
export { decimal, nano, sum } from "./decimal.js";
export { ApiError } from "./errors.js";
export { indentExact, parseExact, type Decimal } from "./json.js";
export { LiveFeed, type FeedOptions, type FeedSocket, type LinkState } from "./live.js";
export { readMessage, type Alert, type LiveMessage } from "./messages.js";
export * from "./operations.js";
export { pages } from "./pages.js";
export type * from "./schema.js";
