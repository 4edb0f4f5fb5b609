// The service of a frontend that uses axios, with the types and the exact numbers of the client:
//
//   API=http://127.0.0.1:8080 TOKEN=… node axios-service.js alice CALL_ID
import axios from "axios";
import { parseExact, type Budget, type CallCost, type Spending } from "cost-analytics-client";
import process from "node:process";

interface Success<T> {
  success: true;
  data: T;
}

export const apiClient = axios.create({
  baseURL: process.env["API"] ?? "http://127.0.0.1:8080",
  headers: { Authorization: `Bearer ${process.env["TOKEN"]}` },
  // Instead of JSON.parse, which rounds amounts to doubles.
  transformResponse: (body: string): unknown => parseExact(body),
});

export const costService = {
  async getUserSpending(userId: string, period: "7d" | "30d" | "90d" = "30d") {
    const response = await apiClient.get<Success<Spending>>(
      `/api/costs/user/${userId}/spending?period=${period}`,
    );
    return response.data;
  },

  async getCallCost(callId: string) {
    const response = await apiClient.get<Success<CallCost>>(`/api/costs/call/${callId}`);
    return response.data;
  },

  async getUserBudget(userId: string) {
    const response = await apiClient.get<Success<Budget>>(`/api/costs/user/${userId}/budget`);
    return response.data;
  },
};

const [userId = "demo", callId] = process.argv.slice(2);
const answers = {
  spending: await costService.getUserSpending(userId),
  budget: await costService.getUserBudget(userId),
  call: callId ? await costService.getCallCost(callId) : null,
};
process.stdout.write(JSON.stringify(answers));
