"""People's rights: everything about a user as one file, and the erasure of a user."""
