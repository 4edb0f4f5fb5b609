"""Realistic simulated calls: a pure, seeded generator of events, and its pacing."""
