"""The live feed: active calls, alerts and budgets, sent over WebSockets as they change."""
