"""The AsyncAPI document: messages of the Kafka topics and of the WebSocket."""
