"""Operations: verification, reconciliation, gaps, dead letters, archives, retention, backups."""
