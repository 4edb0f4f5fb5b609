"""Detects anomalies while events are processed."""
