// Asks what the documented service asks, and prints all answers as one JSON object.
import { costService } from './src/services/costs.js';
import BudgetAlert from './src/components/BudgetAlert.vue';

const [userId, callId, othersCallId] = process.argv.slice(2);

const component = { ...BudgetAlert.data(), $store: { state: { auth: { userId } } } };
const before = component.budget;
const polls = [];
for (let poll = 0; poll < 3; poll += 1) {
  await BudgetAlert.mounted.call(component);
  polls.push(component.budget);
}

let refused;
try {
  await costService.getCallCost(othersCallId);
} catch (error) {
  refused = { status: error.response.status, data: error.response.data };
}

const answers = {
  spending: await costService.getUserSpending(userId),
  week: await costService.getUserSpending(userId, '7d'),
  call: await costService.getCallCost(callId),
  budget: await costService.getUserBudget(userId),
  before,
  polls,
  refused
};
process.stdout.write(JSON.stringify(answers));
