"""Backs up and restores the ledger with PostgreSQL's `pg_dump` and `pg_restore`."""
