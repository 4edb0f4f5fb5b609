"""Notifies people of alerts: by email, SMS and signed webhooks."""
