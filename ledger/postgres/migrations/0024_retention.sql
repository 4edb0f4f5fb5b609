-- Retention: what no total needs any more is removed by a worker, a bounded batch at a time.

-- A constant for the rows that are there: none is rewritten, and they are kept as if recorded now.
ALTER TABLE event_identities ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN event_identities.recorded_at IS 'When it was recorded, or this column was added: an identity is removed by its age.';
COMMENT ON TABLE event_identities IS
    'Every event that was counted or held, once: its key is what makes a repeat harmless, in whatever month it claims to have happened. Removed when an event so old is refused anyway.';

CREATE TABLE retention_progress (
    subject   text        PRIMARY KEY,
    removed   bigint      NOT NULL DEFAULT 0,
    position  text        NOT NULL DEFAULT '',
    ran_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE retention_progress IS 'For each kind of data: how much retention has removed, and where it continues.';
COMMENT ON COLUMN retention_progress.position IS 'Where the next run continues; empty where each run begins at the oldest.';
COMMENT ON COLUMN retention_progress.ran_at IS 'When the last run for it ended.';
