"""What an event costs and means (pure rules) and the store that keeps it (SQL)."""
