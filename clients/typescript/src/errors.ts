// What a failed request raises.

/** A failed request; `status` is 0 if there was no response. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** The field or parameter that the error names: a place in the body, or the first in backticks. */
  readonly field: string | null;

  /**
   * `code` is the API's, such as `forbidden`, or `unreachable` without a response. The message is the
   * server's `text` without its backticks.
   */
  constructor(
    readonly status: number,
    readonly code: string,
    text: string,
    /** After how many seconds the server allows another attempt; null if it did not say. */
    readonly retryAfterSeconds: number | null = null,
    options?: ErrorOptions,
  ) {
    super(text.replaceAll("`", ""), options);
    this.field = (/at `\$\.([^`]+)`/.exec(text) ?? /`([^`]+)`/.exec(text))?.[1] ?? null;
  }
}
