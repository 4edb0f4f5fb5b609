-- Prepaid credit: grants, what refunds return to them, and alerts of a low balance. The balance itself is computed from
-- the grants and from the totals of users. The previous release knows none of these events: add grants when all processes
-- have this release.

CREATE TABLE credit_events (
    identity    uuid        PRIMARY KEY,
    source      text        NOT NULL,
    event_id    text        NOT NULL,
    type        text        NOT NULL CHECK (type IN ('credit.granted', 'credit.voided')),
    time        timestamptz NOT NULL,
    user_id     text        COLLATE "C" NOT NULL,
    amount_nano bigint      NOT NULL DEFAULT 0 CHECK (amount_nano >= 0),
    starts_at   timestamptz,
    ends_at     timestamptz,
    expires_at  timestamptz,
    priority    integer     NOT NULL DEFAULT 0,
    reason      text,
    voids       uuid,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CHECK (type = 'credit.voided' OR starts_at < ends_at),
    CHECK ((type = 'credit.voided') = (voids IS NOT NULL))
);
CREATE INDEX credit_events_user ON credit_events (user_id);
COMMENT ON TABLE credit_events IS 'Grants of prepaid credit, and voids of grants. Rows are only added; they are few, and never archived.';
COMMENT ON COLUMN credit_events.starts_at IS 'The grant is valid from this quarter of an hour, the one of its time.';
COMMENT ON COLUMN credit_events.ends_at IS 'The grant is valid before this quarter of an hour, the first one at or after expires_at; the year 9999 without an expiry.';
COMMENT ON COLUMN credit_events.reason IS 'The note of a grant, or the reason of a void.';
COMMENT ON COLUMN credit_events.voids IS 'The identity of the voided grant, which may arrive later.';

CREATE VIEW valid_grants WITH (security_invoker = true) AS
SELECT * FROM credit_events AS g
WHERE type = 'credit.granted'
  AND NOT EXISTS (SELECT FROM credit_events AS v WHERE v.user_id = g.user_id AND v.voids = g.identity);
COMMENT ON VIEW valid_grants IS 'Grants that are not voided; with the rights of the reader.';

CREATE TABLE credit_returns (
    user_id text        COLLATE "C" NOT NULL,
    quarter timestamptz NOT NULL,
    call_id text        COLLATE "C" NOT NULL,
    nano    bigint      NOT NULL CHECK (nano > 0),
    PRIMARY KEY (user_id, quarter, call_id)
);
CREATE INDEX credit_returns_call ON credit_returns (call_id);
COMMENT ON TABLE credit_returns IS
    'How much of what a call charged in a quarter of an hour its refunds return to the grants. Only of users with grants.';

CREATE TABLE balance_alerts (
    alert_id       uuid        PRIMARY KEY,
    user_id        text        COLLATE "C" NOT NULL,
    threshold_nano bigint      NOT NULL,
    grant_id       uuid        NOT NULL,
    triggered_at   timestamptz NOT NULL,
    data           text        NOT NULL,
    UNIQUE (user_id, threshold_nano, grant_id)
);
CREATE INDEX balance_alerts_latest ON balance_alerts (user_id, triggered_at);
COMMENT ON TABLE balance_alerts IS 'Each amount that a balance fell to, once after each new grant.';

ALTER TABLE user_budget_settings
    ADD COLUMN credit_review_at timestamptz,
    ADD COLUMN low_balance_nano bigint[] CHECK (cardinality(low_balance_nano) <= 20);
CREATE INDEX user_budget_settings_credit ON user_budget_settings (credit_review_at) WHERE credit_review_at IS NOT NULL;
COMMENT ON COLUMN user_budget_settings.credit_review_at IS
    'When the next grant ends, which changes the balance; null for a user who never had a grant.';
COMMENT ON COLUMN user_budget_settings.low_balance_nano IS 'The balances at which the user is warned, beside zero; null for the default.';

ALTER TABLE budget_holds ADD COLUMN charge_nano bigint;
COMMENT ON COLUMN budget_holds.charge_nano IS
    'What the call is expected to charge, where spend is the cost: it is held of the prepaid balance. Else null: spend_nano is that amount.';

ALTER TABLE credit_events  ENABLE ROW LEVEL SECURITY;
ALTER TABLE credit_returns ENABLE ROW LEVEL SECURITY;
ALTER TABLE balance_alerts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON credit_events  FOR SELECT TO cost_analytics_viewer USING (user_id = (SELECT viewer()) OR (SELECT reads_all()));
CREATE POLICY own_rows ON credit_returns FOR SELECT TO cost_analytics_viewer USING (user_id = (SELECT viewer()) OR (SELECT reads_all()));
CREATE POLICY own_rows ON balance_alerts FOR SELECT TO cost_analytics_viewer USING (user_id = (SELECT viewer()) OR (SELECT reads_all()));

SELECT guard_erased_users('balance_alerts', 'skip');

CREATE VIEW sealed_charges AS
SELECT c.call_id, s.key::timestamptz AS quarter, (s.value ->> 1)::bigint AS charged_nano, (s.value ->> 2)::bigint AS refunded_nano
FROM sealed_calls AS c, jsonb_each(c.spend) AS s
UNION ALL
SELECT c.call_id, days.key::date::timestamp AT TIME ZONE 'UTC', (days.value ->> 0)::bigint, (days.value ->> 1)::bigint
FROM sealed_calls AS c, jsonb_each(c.charges) AS days
WHERE c.spend IS NULL;
COMMENT ON VIEW sealed_charges IS 'Archived charges and refunds of calls by quarter of an hour; of seals of earlier releases by day.';

-- What refunds must have returned: computed otherwise than by the worker, from all charges of a call in their order.
CREATE VIEW expected_credit_returns AS
WITH postings AS (
    SELECT call_id, quarter_hour(time) AS quarter, amount_nano AS charged, 0::bigint AS refunded
    FROM call_cost_events WHERE type = 'call.charged'
    UNION ALL
    SELECT call_id, NULL, 0, amount_nano FROM call_cost_events WHERE type = 'call.refunded'
    UNION ALL
    SELECT call_id, quarter, charged_nano, refunded_nano FROM sealed_charges
    UNION ALL
    SELECT f.call_id, quarter_hour(f.ended_at), f.default_charge_nano, 0 FROM call_facts AS f WHERE f.default_charge_nano <> 0
), refunded AS (
    SELECT call_id, sum(refunded) AS nano FROM postings GROUP BY call_id HAVING sum(refunded) > 0
), charged AS (
    SELECT p.call_id, p.quarter, sum(p.charged) AS nano
    FROM postings AS p JOIN refunded USING (call_id) WHERE p.charged > 0 GROUP BY p.call_id, p.quarter
)
SELECT c.user_id, later.quarter, later.call_id, (later.kept_before - later.kept)::bigint AS nano
FROM (
    SELECT q.call_id, q.quarter,
           greatest(0, r.nano - coalesce(sum(o.nano) FILTER (WHERE o.quarter > q.quarter), 0)) AS kept_before,
           greatest(0, r.nano - sum(o.nano) FILTER (WHERE o.quarter >= q.quarter)) AS kept
    FROM charged AS q
    JOIN refunded AS r ON r.call_id = q.call_id
    JOIN charged AS o ON o.call_id = q.call_id
    GROUP BY q.call_id, q.quarter, r.nano
) AS later
JOIN calls AS c ON c.call_id = later.call_id
WHERE later.kept_before > later.kept
  AND EXISTS (SELECT FROM credit_events AS g WHERE g.user_id = c.user_id);
COMMENT ON VIEW expected_credit_returns IS 'What refunds return to the grants of users: of each charge what is left of the refunds after all later charges of the call.';
