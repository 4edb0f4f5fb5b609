-- Calls and days that changed late wait as rows until they are checked for anomalies.

CREATE TABLE pending_anomaly_checks (
    user_id    text        COLLATE "C" NOT NULL,
    kind       text        NOT NULL CHECK (kind IN ('call', 'day')),
    subject    text        COLLATE "C" NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, kind, subject)
);
CREATE INDEX pending_anomaly_checks_due ON pending_anomaly_checks (changed_at);
COMMENT ON TABLE pending_anomaly_checks IS
    'What has to be checked for anomalies once no change came for the grace period, and is too old for the sweep to find: written with the change, deleted with the check.';
COMMENT ON COLUMN pending_anomaly_checks.subject IS 'The call''s id, or the UTC day (2026-11-22).';
COMMENT ON COLUMN pending_anomaly_checks.changed_at IS 'The last change; each one starts the grace period again.';
