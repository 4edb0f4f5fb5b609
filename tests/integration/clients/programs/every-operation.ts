// Calls the operations of standard input, in turn, and prints what each one answers.
import * as costs from "cost-analytics-client";
import process from "node:process";
import { text } from "node:stream/consumers";

interface Wanted {
  name: string;
  input: object;
}
type Operation = (client: costs.CostClient, input: object) => Promise<unknown>;

const client = new costs.CostClient({
  url: process.env["API"] ?? "",
  token: process.env["TOKEN"] ?? "",
  retries: 0,
});
const operations = costs as unknown as Record<string, Operation | undefined>;
const answers: Record<string, unknown> = {};

for (const { name, input } of JSON.parse(await text(process.stdin)) as Wanted[]) {
  const operation = operations[name];
  try {
    answers[name] = operation ? { data: await operation(client, input) } : { missing: true };
    const { data } = answers[name] as { data?: unknown };
    if (data instanceof Response) answers[name] = { data: await data.text() };
  } catch (error) {
    if (!(error instanceof costs.ApiError)) throw error;
    answers[name] = { status: error.status, code: error.code, message: error.message };
  }
}
process.stdout.write(JSON.stringify(answers));
