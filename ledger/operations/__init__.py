"""Running the ledger: gaps, archives, retention, backups."""
