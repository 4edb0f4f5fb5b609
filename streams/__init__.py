"""The worker, from Kafka to the ledger and back; anomalies, commands, notifications, prices."""
