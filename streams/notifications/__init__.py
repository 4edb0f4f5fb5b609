"""Tells people of their alerts: by email, by SMS and by signed webhooks."""
