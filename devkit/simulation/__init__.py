"""Believable calls without telephones: a pure, seeded generator of events, and its pacing."""
