"""The worker, from Kafka to the ledger and back to topics; anomalies, notifications, prices."""
