// Reads a list page by page.
import type { CostClient, Optional, RequestOptions } from "./client.js";

/**
 * Yields the pages of a list, for instance `pages(listCalls, client, { userId: "alice" })`, starting
 * after `input.cursor` if there is one; raises ApiError.
 */
export async function* pages<
  I extends { cursor?: Optional<string> },
  P extends { nextCursor: string | null },
>(
  list: (client: CostClient, input: I, options?: RequestOptions) => Promise<P>,
  client: CostClient,
  input: I,
  options?: RequestOptions,
): AsyncGenerator<P, void, undefined> {
  let cursor = input.cursor;
  do {
    const page = await list(client, { ...input, cursor }, options);
    yield page;
    cursor = page.nextCursor;
  } while (cursor !== null);
}
