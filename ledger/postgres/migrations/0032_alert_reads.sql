-- Which alerts were marked as read in the dashboard, by their user or an administrator.

CREATE TABLE alert_reads (
    alert_id uuid        PRIMARY KEY REFERENCES budget_alerts (alert_id) ON DELETE CASCADE,
    user_id  text        COLLATE "C" NOT NULL,
    read_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE alert_reads IS 'The alerts that were marked as read; an alert without a row is unread.';

ALTER TABLE alert_reads ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON alert_reads TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all())) WITH CHECK (user_id = (SELECT viewer()) OR (SELECT reads_all()));

-- An alert's JSON with the time at which it was read, null for an unread one.
CREATE FUNCTION alert_with_read_time(alert text, read_at timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN left(alert, -1) || ',"readAt":'
           || coalesce('"' || to_char(read_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '"', 'null') || '}';
