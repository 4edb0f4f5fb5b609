-- Anomalies are listed by the time that they show, and can be dismissed with a reason.

-- Immutable, because the text has a time zone.
CREATE FUNCTION anomaly_time(anomaly text) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (anomaly::json ->> 'occurredAt')::timestamptz;

ALTER TABLE cost_anomalies ADD COLUMN occurred_at timestamptz NOT NULL
    GENERATED ALWAYS AS (coalesce(anomaly_time(data), detected_at)) STORED;
COMMENT ON COLUMN cost_anomalies.occurred_at IS 'The end of the call or the start of the UTC day; the order of lists.';
CREATE INDEX cost_anomalies_user_time ON cost_anomalies (user_id, occurred_at DESC, seq DESC);
CREATE INDEX cost_anomalies_time ON cost_anomalies (occurred_at DESC, seq DESC);
DROP INDEX cost_anomalies_user;

CREATE TABLE anomaly_dismissals (
    anomaly_id   uuid        PRIMARY KEY REFERENCES cost_anomalies (anomaly_id) ON DELETE CASCADE,
    user_id      text        COLLATE "C" NOT NULL,
    reason       text        NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 500),
    dismissed_by text        COLLATE "C" NOT NULL,
    dismissed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE anomaly_dismissals IS
    'The anomalies that their user or an administrator dismissed. The detector neither reads nor changes it, so a dismissed anomaly that is detected again stays dismissed.';
COMMENT ON COLUMN anomaly_dismissals.user_id IS 'The user of the anomaly.';
COMMENT ON COLUMN anomaly_dismissals.dismissed_by IS 'The user or administrator who dismissed it.';

ALTER TABLE anomaly_dismissals ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON anomaly_dismissals TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all())) WITH CHECK (user_id = (SELECT viewer()) OR (SELECT reads_all()));
