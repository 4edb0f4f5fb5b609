"""The price catalog: rows, lookups, submitted prices and their approval."""
