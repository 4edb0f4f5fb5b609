"""Webhooks of vendors: each signed delivery becomes events of the stream."""
