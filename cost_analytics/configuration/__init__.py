"""What settings there are and how their text is read; `cost_analytics.settings` gets the text."""
