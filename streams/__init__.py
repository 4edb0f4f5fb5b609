"""The stream side: the exact money path from Kafka to the ledger, and what is published from it."""
