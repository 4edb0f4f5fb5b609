"""Backs the ledger up and restores it, by PostgreSQL's own `pg_dump` and `pg_restore`."""
