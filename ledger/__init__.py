"""Rules of what an event costs, and their storage in PostgreSQL: a folder for each capability."""
