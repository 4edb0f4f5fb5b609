"""Records a batch in one transaction: events, totals, alerts and offsets."""
