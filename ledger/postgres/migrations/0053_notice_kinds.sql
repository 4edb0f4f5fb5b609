-- Kinds of notifications: each channel says which kinds it gets. Existing channels keep getting budget alerts, which is
-- also what channels get that the previous release creates. Channels of the user '' are those of administrators.

ALTER TABLE notice_channels ADD COLUMN kinds jsonb NOT NULL DEFAULT '{"alert": "-infinity"}' CHECK (jsonb_typeof(kinds) = 'object');
COMMENT ON COLUMN notice_channels.kinds IS
    'The kinds of messages that the channel gets, each with the time since when: what was raised before is not sent.';
COMMENT ON COLUMN notice_channels.user_id IS 'The owner; empty for the channels of administrators, which are about all users.';

CREATE FUNCTION kinds_of(kinds jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY(SELECT k.name FROM jsonb_object_keys(kinds) AS k (name) ORDER BY k.name COLLATE "C")
$$;
COMMENT ON FUNCTION kinds_of IS 'Returns the kinds of a channel in alphabetical order.';

CREATE FUNCTION kinds_from_now(wanted text[], present jsonb) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(jsonb_object_agg(w.kind, coalesce(present -> w.kind, to_jsonb(now()))), '{}') FROM unnest(wanted) AS w (kind)
$$;
COMMENT ON FUNCTION kinds_from_now IS 'Returns the wanted kinds with the time since when: that of present ones stays.';

CREATE POLICY administrators_channels ON notice_channels AS RESTRICTIVE FOR ALL TO cost_analytics_viewer
    USING (user_id <> '' OR (SELECT reads_all())) WITH CHECK (user_id <> '' OR (SELECT reads_all()));

CREATE TABLE notices (
    seq        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notice_id  uuid        NOT NULL UNIQUE,
    user_id    text        COLLATE "C" NOT NULL,
    kind       text        NOT NULL,
    is_urgent  boolean     NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    queued_at  timestamptz,
    content    text        NOT NULL
);
CREATE INDEX notices_unqueued ON notices (seq) WHERE queued_at IS NULL;
CREATE INDEX notices_created ON notices (created_at);
CREATE INDEX notices_user ON notices (user_id, kind, seq DESC);
COMMENT ON TABLE notices IS
    'Messages for channels other than budget alerts and anomalies, written by the transaction that decided them. The id is a digest of the cause, so each cause exists once.';
COMMENT ON COLUMN notices.user_id IS 'Empty for a message about all users, which goes to the channels of administrators.';
COMMENT ON COLUMN notices.queued_at IS 'When its deliveries were created.';
COMMENT ON COLUMN notices.content IS 'Title, sentences, page of the dashboard, and type and data of the webhook, JSON.';

ALTER TABLE notices ENABLE ROW LEVEL SECURITY;

ALTER TABLE notice_deliveries DROP CONSTRAINT notice_deliveries_kind_check;
ALTER TABLE notice_deliveries ADD CONSTRAINT notice_deliveries_kind_check
    CHECK (kind IN ('alert', 'verification', 'test', 'anomaly', 'forecast', 'low_balance', 'unpriced',
                    'daily_digest', 'weekly_digest')) NOT VALID;

CREATE INDEX cost_anomalies_detected ON cost_anomalies (detected_at) WHERE resolved_at IS NULL;

-- The previous release would fail or skip the new kinds. While it runs beside this one, it does not see them: this
-- release sets `cost_analytics.claims` in the transaction that claims.
CREATE FUNCTION keep_kinds_from_previous_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('cost_analytics.claims', true) IS DISTINCT FROM 'kinds' THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION keep_kinds_from_previous_release IS
    'Leaves deliveries of kinds that the previous release does not know as they are, unless the transaction knows them.';
CREATE TRIGGER keep_kinds BEFORE UPDATE ON notice_deliveries
    FOR EACH ROW WHEN (OLD.state = 'pending' AND NEW.state IN ('delivering', 'skipped')
                       AND OLD.kind NOT IN ('alert', 'verification', 'test'))
    EXECUTE FUNCTION keep_kinds_from_previous_release();
