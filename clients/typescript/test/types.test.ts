// What the compiler must refuse, in strict mode; `tsc` checks the lines below each comment.
import {
  changeBudget,
  CostClient,
  getCallCost,
  getSpending,
  listCalls,
  type Decimal,
  type Spending,
} from "cost-analytics-client";
import { expect, expectTypeOf, it } from "vitest";

const client = new CostClient({ url: "https://costs.test" });

/** Never called: only its types matter. */
export async function refused(): Promise<void> {
  const { totalCost, costByService, totalCalls } = await getSpending(client, { userId: "alice" });
  // @ts-expect-error An amount is no double.
  const rounded: number = totalCost;
  // @ts-expect-error A service may be missing.
  const cost: Decimal = costByService["twilio"];
  // @ts-expect-error There is no such period.
  await getSpending(client, { userId: "alice", period: "1d" });
  // @ts-expect-error A user is needed.
  await listCalls(client, {});
  // @ts-expect-error There is no such parameter.
  await getCallCost(client, { callId: "a", userId: "alice" });
  // @ts-expect-error A limit is an amount.
  await changeBudget(client, { userId: "alice", body: { dailyLimit_usd: true } });
  await changeBudget(client, { userId: "alice", body: { dailyLimit_usd: totalCost } });
  await changeBudget(client, { userId: "alice", body: { dailyLimit_usd: 10 } });
  expect([rounded, cost]).toHaveLength(2);
  expectTypeOf(totalCalls).toEqualTypeOf<Decimal>();
}

it("types each number of a response as its digits", () => {
  expectTypeOf<Spending["totalCost"]>().toEqualTypeOf<string>();
  expectTypeOf<Spending["costByService"]>().toEqualTypeOf<Record<string, string>>();
  expect(refused).toBeTypeOf("function");
});
