"""The way in over HTTP, for emitters without Kafka."""
