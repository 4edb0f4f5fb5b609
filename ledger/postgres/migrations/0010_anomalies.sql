-- Anomalies: what was unusual about costs, each cause once, and how far the sweep for them has come.

CREATE TABLE cost_anomalies (
    seq           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    anomaly_id    uuid        NOT NULL UNIQUE,
    user_id       text        COLLATE "C" NOT NULL,
    kind          text        NOT NULL CHECK (kind IN ('call_spike', 'day_spike', 'missing_leg')),
    subject       text        COLLATE "C" NOT NULL,
    part          text        COLLATE "C" NOT NULL,
    day           date        NOT NULL,
    observed_nano bigint      NOT NULL,
    expected_nano bigint,
    detected_at   timestamptz NOT NULL,
    resolved_at   timestamptz,
    data          text        NOT NULL,
    UNIQUE (user_id, kind, subject, part)
);
CREATE INDEX cost_anomalies_user ON cost_anomalies (user_id, seq DESC);
CREATE INDEX cost_anomalies_day ON cost_anomalies (user_id, day);
CREATE INDEX cost_anomalies_open ON cost_anomalies (subject) WHERE resolved_at IS NULL AND kind <> 'day_spike';
COMMENT ON TABLE cost_anomalies IS
    'Every anomaly ever found. The unique key is what makes each cause exist exactly once, whatever repeats or crashes.';
COMMENT ON COLUMN cost_anomalies.subject IS 'The call''s id, or the UTC day (2026-11-22).';
COMMENT ON COLUMN cost_anomalies.part IS 'The service, the leg that is missing, or empty for all services together.';
COMMENT ON COLUMN cost_anomalies.expected_nano IS 'Null where nothing is known to be usual.';
COMMENT ON COLUMN cost_anomalies.resolved_at IS 'When it was found to be in order after all: a late cost came, a wrong one was voided.';
COMMENT ON COLUMN cost_anomalies.data IS 'The anomaly as published, JSON.';

CREATE TABLE anomaly_sweep (
    is_only   boolean     PRIMARY KEY DEFAULT true CHECK (is_only),
    swept_to  timestamptz NOT NULL,
    deep_to   timestamptz NOT NULL,
    closed_on date        NOT NULL,
    round_to  timestamptz,
    is_deep   boolean     NOT NULL DEFAULT false,
    user_id   text        COLLATE "C" NOT NULL DEFAULT ''
);
COMMENT ON TABLE anomaly_sweep IS
    'One row: how far calls were looked through for anomalies, over all processes. Its lock is the turn to do so.';
COMMENT ON COLUMN anomaly_sweep.swept_to IS 'All calls that had changed by then were judged, recent ones in each round.';
COMMENT ON COLUMN anomaly_sweep.deep_to IS 'The same for calls that began days before.';
COMMENT ON COLUMN anomaly_sweep.closed_on IS 'The UTC day on which the days before it were judged.';
COMMENT ON COLUMN anomaly_sweep.round_to IS 'Where a round that is under way will have come to; null between rounds.';
COMMENT ON COLUMN anomaly_sweep.user_id IS 'The last user that the round has done.';

-- What happened before anomalies were looked for stays unjudged, but for the last day.
INSERT INTO anomaly_sweep (swept_to, deep_to, closed_on)
VALUES (now() - interval '1 day', now() - interval '1 day', (now() AT TIME ZONE 'UTC')::date);

ALTER TABLE cost_anomalies ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON cost_anomalies FOR SELECT TO cost_analytics_reader USING (may_read(user_id));
GRANT SELECT ON cost_anomalies TO cost_analytics_reader;

COMMENT ON COLUMN outbox.aggregatetype IS 'Says which topic: budget-alert, call-command or cost-anomaly.';
