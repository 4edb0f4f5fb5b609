"""The live feed: calls that are going on, alerts and budgets, told over sockets as they change."""
