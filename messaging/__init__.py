"""Kafka clients: the one owner of aiokafka."""
