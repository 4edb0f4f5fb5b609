"""Declares all settings and parses their text; `cost_analytics.settings` reads the environment."""
