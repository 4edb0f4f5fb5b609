"""One batch, one transaction: events, totals, alerts and offsets."""
