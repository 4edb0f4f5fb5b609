"""Development tools: embedded servers, `make run`, simulated calls."""
