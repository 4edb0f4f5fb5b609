"""Request handling that all routes share: connections, authentication, limits, errors."""
