"""The REST interface: who may see what, and how it is said over HTTP."""
