"""OTLP/HTTP intake of traces: spans of GenAI requests become recorded costs."""
