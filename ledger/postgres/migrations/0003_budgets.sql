-- Budgets: what users have spent by the quarter of an hour, what they allow themselves, the alerts
-- that were raised, and the outbox from which alerts and commands reach Kafka.

-- Spend ----------------------------------------------------------------------------------------

CREATE TABLE user_spend (
    user_id       text        COLLATE "C" NOT NULL,
    quarter       timestamptz NOT NULL,
    cost_nano     bigint      NOT NULL,
    charged_nano  bigint      NOT NULL,
    refunded_nano bigint      NOT NULL,
    PRIMARY KEY (user_id, quarter)
) WITH (fillfactor = 80);
COMMENT ON TABLE user_spend IS
    'Running cost, charges and refunds of each user by the quarter of an hour of each event''s own time: any time zone''s days and months are sums of these.';
COMMENT ON COLUMN user_spend.quarter IS 'When the quarter of an hour begins.';

CREATE VIEW spend_postings AS
SELECT e.user_id, e.time AS at, e.cost_nano, 0::bigint AS charged_nano, 0::bigint AS refunded_nano
FROM counted_costs AS e
UNION ALL
SELECT e.user_id, e.time, e.cost_nano, e.amount_nano, 0
FROM call_cost_events AS e WHERE e.type = 'call.charged'
UNION ALL
SELECT e.user_id, e.time, 0, 0, e.amount_nano
FROM call_cost_events AS e WHERE e.type = 'call.refunded'
UNION ALL
SELECT f.user_id, f.first_at, share.value::bigint, 0, 0
FROM call_facts AS f, jsonb_each_text(f.infrastructure) AS share
UNION ALL
SELECT f.user_id, f.ended_at, f.default_fee_nano, f.default_charge_nano, 0
FROM call_facts AS f WHERE f.default_charge_nano <> 0 OR f.default_fee_nano <> 0;
COMMENT ON VIEW spend_postings IS 'Everything that moves a user''s spend, with the moment it counts at.';

CREATE FUNCTION quarter_hour(moment timestamptz) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN date_bin('15 minutes', moment, 'epoch'::timestamptz);

INSERT INTO user_spend (user_id, quarter, cost_nano, charged_nano, refunded_nano)
SELECT user_id, quarter_hour(at), sum(cost_nano), sum(charged_nano), sum(refunded_nano)
FROM spend_postings GROUP BY user_id, quarter_hour(at);

-- Settings -------------------------------------------------------------------------------------

ALTER TABLE user_budget_settings
    ALTER COLUMN alert_threshold_percent DROP NOT NULL,
    ALTER COLUMN alert_threshold_percent DROP DEFAULT,
    ADD COLUMN call_limit_nano       bigint CHECK (call_limit_nano >= 0),
    ADD COLUMN thresholds            numeric[] NOT NULL DEFAULT '{}',
    ADD COLUMN timezone              text      NOT NULL DEFAULT 'UTC',
    ADD COLUMN auto_cutoff           boolean   NOT NULL DEFAULT true,
    ADD COLUMN daily_limit_version   integer   NOT NULL DEFAULT 0,
    ADD COLUMN monthly_limit_version integer   NOT NULL DEFAULT 0,
    ADD COLUMN call_limit_version    integer   NOT NULL DEFAULT 0;
UPDATE user_budget_settings
SET daily_limit_version = (daily_limit_nano IS NOT NULL)::integer,
    monthly_limit_version = (monthly_limit_nano IS NOT NULL)::integer;
COMMENT ON TABLE user_budget_settings IS
    'What each user set; a null limit is no limit. Every user who spends has a row: its lock keeps a change of settings and a batch of the user''s events apart, so that neither misses the other.';
COMMENT ON COLUMN user_budget_settings.alert_threshold_percent IS 'Null is the product''s default.';
COMMENT ON COLUMN user_budget_settings.thresholds IS 'Further percentages; 100 is always one and is not kept.';
COMMENT ON COLUMN user_budget_settings.daily_limit_version IS 'Rises with every change of the limit: a changed limit may alert anew.';

CREATE TABLE budget_holds (
    user_id    text        COLLATE "C" NOT NULL,
    call_id    text        COLLATE "C" NOT NULL,
    spend_nano bigint      NOT NULL CHECK (spend_nano >= 0),
    held_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, call_id)
);
COMMENT ON TABLE budget_holds IS
    'What allowed calls are expected to spend, until they end, are charged, or the hold expires: parallel calls cannot all pass on the same remainder.';

-- Alerts ---------------------------------------------------------------------------------------

CREATE TABLE budget_alerts (
    seq               bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id          uuid        NOT NULL UNIQUE,
    user_id           text        COLLATE "C" NOT NULL,
    type              text        NOT NULL CHECK (type IN ('daily', 'monthly', 'call')),
    period            text        COLLATE "C" NOT NULL,
    threshold_percent numeric     NOT NULL,
    limit_version     integer     NOT NULL,
    late              boolean     NOT NULL,
    triggered_at      timestamptz NOT NULL,
    data              text        NOT NULL,
    UNIQUE (user_id, type, period, threshold_percent, limit_version)
);
CREATE INDEX budget_alerts_user ON budget_alerts (user_id, seq DESC);
COMMENT ON TABLE budget_alerts IS
    'Every alert ever raised. The unique key is what makes each exist exactly once, whatever repeats or crashes.';
COMMENT ON COLUMN budget_alerts.period IS 'The day (2026-11-22) or month (2026-11) in the user''s time zone, or the call''s id.';
COMMENT ON COLUMN budget_alerts.late IS 'A late event pushed a closed period over: recorded, and nobody is told.';
COMMENT ON COLUMN budget_alerts.data IS 'The alert as published, JSON.';

CREATE TABLE call_cutoffs (
    call_id       text        COLLATE "C" NOT NULL,
    limit_version integer     NOT NULL,
    command_id    uuid        NOT NULL UNIQUE,
    user_id       text        COLLATE "C" NOT NULL,
    requested_at  timestamptz NOT NULL,
    PRIMARY KEY (call_id, limit_version)
);
COMMENT ON TABLE call_cutoffs IS 'Each request to end a call that reached its cap: once per call and limit version.';

CREATE TABLE outbox (
    seq           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            uuid        NOT NULL UNIQUE,
    aggregatetype text        NOT NULL,
    aggregateid   text        NOT NULL,
    type          text        NOT NULL,
    payload       text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE outbox IS
    'Messages written by the transaction that decided them and not yet known to be in Kafka, in the columns that change-data-capture tools expect.';
COMMENT ON COLUMN outbox.aggregatetype IS 'Says which topic: budget-alert or call-command.';
COMMENT ON COLUMN outbox.aggregateid IS 'The key of the Kafka record.';
COMMENT ON COLUMN outbox.payload IS 'The CloudEvent, JSON, without the stamps that the relay adds.';
COMMENT ON COLUMN outbox.created_at IS 'The end of the deciding transaction, just before its commit.';

-- Readers --------------------------------------------------------------------------------------

ALTER TABLE user_spend    ENABLE ROW LEVEL SECURITY;
ALTER TABLE budget_holds  ENABLE ROW LEVEL SECURITY;
ALTER TABLE budget_alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE call_cutoffs  ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON user_spend    FOR SELECT TO cost_analytics_reader USING (may_read(user_id));
CREATE POLICY own_rows ON budget_holds  FOR ALL    TO cost_analytics_reader USING (may_read(user_id)) WITH CHECK (may_read(user_id));
CREATE POLICY own_rows ON budget_alerts FOR ALL    TO cost_analytics_reader USING (may_read(user_id)) WITH CHECK (may_read(user_id));
CREATE POLICY own_rows ON call_cutoffs  FOR ALL    TO cost_analytics_reader USING (may_read(user_id)) WITH CHECK (may_read(user_id));

GRANT SELECT ON user_spend TO cost_analytics_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON budget_holds TO cost_analytics_reader;
GRANT SELECT, INSERT ON budget_alerts, call_cutoffs TO cost_analytics_reader;
GRANT INSERT ON outbox TO cost_analytics_reader;
