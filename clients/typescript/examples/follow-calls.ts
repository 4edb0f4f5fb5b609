// Prints a user's spending, then each change of their calls, as lines of JSON, until Ctrl-C:
//
//   API=http://127.0.0.1:8080 TOKEN=… node follow-calls.js alice
import { CostClient, getSpending, LiveFeed } from "cost-analytics-client";
import process from "node:process";

const [userId = "demo"] = process.argv.slice(2);
const client = new CostClient({
  url: process.env["API"] ?? "http://127.0.0.1:8080",
  token: process.env["TOKEN"] ?? "",
});
const print = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

const { totalCost, totalCharged } = await getSpending(client, { userId, period: "7d" });
print({ totalCost, totalCharged });

const feed = new LiveFeed(client, {
  onMessage: (message) => {
    const calls = message.type === "snapshot" ? message.calls : [];
    if (message.type === "call") calls.push(message.call);
    print({ type: message.type });
    for (const { callId, version, status, totalCost } of calls)
      print({ callId, version, status, totalCost });
  },
  onState: (state) => print({ state: state.is }),
});
feed.start();
process.on("SIGTERM", () => feed.stop());
