"""The REST interface and the live feed: authentication, access, limits, responses."""
