// src/services/costs.js
import { apiClient } from './api';

export const costService = {
  async getUserSpending(userId, period = '30d') {
    const response = await apiClient.get(
      `/api/costs/user/${userId}/spending?period=${period}`
    );
    return response.data;
  },

  async getCallCost(callId) {
    const response = await apiClient.get(`/api/costs/call/${callId}`);
    return response.data;
  },

  async getUserBudget(userId) {
    const response = await apiClient.get(`/api/costs/user/${userId}/budget`);
    return response.data;
  }
};
