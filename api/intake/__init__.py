"""HTTP intake of events, for emitters without Kafka."""
