"""Delivers notifications: by email, SMS, chat and signed webhooks."""
