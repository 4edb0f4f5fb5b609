-- Budgets of a user beside the daily, the monthly and the call limit: for the whole user, a persona or a tag. The
-- previous release reads and writes none of these columns, and moves no total of a scope: create budgets of personas
-- and tags when all workers are of this release, or run `rebuild` afterwards.

ALTER TABLE user_budget_settings
    ADD COLUMN budgets jsonb CHECK (jsonb_array_length(budgets) <= 50),
    ADD COLUMN raise_ends_at timestamptz;
COMMENT ON COLUMN user_budget_settings.budgets IS 'Further budgets, see ledger/budgets/scoped.py; null for none.';
COMMENT ON COLUMN user_budget_settings.raise_ends_at IS
    'When the first temporary raise of a limit ends, after which alerts may be due; null for none.';
CREATE INDEX user_budget_settings_raises ON user_budget_settings (raise_ends_at) WHERE raise_ends_at IS NOT NULL;

CREATE TABLE scope_spend (
    user_id       text        COLLATE "C" NOT NULL,
    dimension     text        COLLATE "C" NOT NULL,
    value         text        COLLATE "C" NOT NULL,
    quarter       timestamptz NOT NULL,
    slot          smallint    NOT NULL DEFAULT 0,
    cost_nano     bigint      NOT NULL,
    charged_nano  bigint      NOT NULL,
    refunded_nano bigint      NOT NULL,
    PRIMARY KEY (user_id, dimension, value, quarter, slot)
) WITH (fillfactor = 80);
COMMENT ON TABLE scope_spend IS
    'As user_spend, of the calls with a persona or a tag: only of those with a budget, since its totals begin. Rows of all users have no user, and are spread over slots, so that workers do not wait for each other.';
COMMENT ON COLUMN scope_spend.dimension IS 'persona, or tag. and the key of the tag.';

ALTER TABLE scope_spend ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON scope_spend TO cost_analytics_viewer
    USING (user_id = (SELECT viewer()) OR (SELECT reads_all()))
    WITH CHECK (user_id = (SELECT viewer()) OR (SELECT reads_all()));

ALTER TABLE budget_holds ADD COLUMN persona_id text, ADD COLUMN tags jsonb;
COMMENT ON COLUMN budget_holds.persona_id IS 'The persona that the call is expected to have, until an event says it.';
COMMENT ON COLUMN budget_holds.tags IS 'The tags that the call is expected to have, until events say them.';

ALTER TABLE budget_alerts DROP CONSTRAINT budget_alerts_type_check;
ALTER TABLE budget_alerts ADD CONSTRAINT budget_alerts_type_check
    CHECK (type IN ('daily', 'weekly', 'monthly', 'call')) NOT VALID;
COMMENT ON COLUMN budget_alerts.period IS
    'The day (2026-11-22), week (2026-W47) or month (2026-11) in the user''s time zone, or the call''s id; of a further budget after its id.';

-- What totals of scopes must be -----------------------------------------------------------------------

ALTER TABLE sealed_calls ADD COLUMN spend jsonb;
COMMENT ON COLUMN sealed_calls.spend IS
    'Nano-dollars by quarter of an hour as [cost, charged, refunded], voided costs included, without decisions of the ledger. Null in seals of earlier releases, which are older than all totals of scopes.';

CREATE VIEW call_postings AS
SELECT e.call_id, e.time AS at, e.cost_nano, 0::bigint AS charged_nano, 0::bigint AS refunded_nano
FROM counted_costs AS e
UNION ALL
SELECT e.call_id, e.time, e.cost_nano, e.amount_nano, 0
FROM call_cost_events AS e WHERE e.type = 'call.charged'
UNION ALL
SELECT e.call_id, e.time, 0, 0, e.amount_nano
FROM call_cost_events AS e WHERE e.type = 'call.refunded'
UNION ALL
SELECT c.call_id, s.key::timestamptz, (s.value ->> 0)::bigint, (s.value ->> 1)::bigint, (s.value ->> 2)::bigint
FROM sealed_calls AS c, jsonb_each(c.spend) AS s
UNION ALL
SELECT r.call_id, r.time, -r.cost_nano, 0, 0
FROM revoked_costs AS r
UNION ALL
SELECT f.call_id, f.first_at, share.value::bigint, 0, 0
FROM call_facts AS f, jsonb_each_text(f.infrastructure) AS share
UNION ALL
SELECT r.call_id, r.ended_at, r.nano, 0, 0
FROM settled_roundings AS r
UNION ALL
SELECT f.call_id, f.ended_at, f.default_fee_nano, f.default_charge_nano, 0
FROM call_facts AS f WHERE f.default_charge_nano <> 0 OR f.default_fee_nano <> 0;
COMMENT ON VIEW call_postings IS 'As spend_postings, by call.';

CREATE VIEW budget_scopes AS
SELECT s.user_id, b.dimension COLLATE "C" AS dimension, b.value COLLATE "C" AS value, min(b."countsFrom") AS counts_from
FROM user_budget_settings AS s,
     jsonb_to_recordset(s.budgets) AS b (dimension text, value text, "countsFrom" timestamptz)
WHERE b.dimension = 'persona' OR b.dimension LIKE 'tag.%'
GROUP BY s.user_id, b.dimension, b.value;
COMMENT ON VIEW budget_scopes IS 'The personas and tags whose totals are kept, and since when.';

CREATE VIEW expected_scope_spend AS
SELECT s.user_id, s.dimension, s.value, quarter_hour(p.at) AS quarter, sum(p.cost_nano) AS cost_nano,
       sum(p.charged_nano) AS charged_nano, sum(p.refunded_nano) AS refunded_nano
FROM budget_scopes AS s
JOIN (
    SELECT f.call_id, f.user_id, 'persona' COLLATE "C" AS dimension, f.persona_id AS value
    FROM call_facts AS f WHERE f.persona_id IS NOT NULL
    UNION ALL
    SELECT f.call_id, f.user_id, ('tag.' || t.key) COLLATE "C", t.value
    FROM call_facts AS f JOIN call_tags USING (call_id), jsonb_each_text(call_tags.tags) AS t
) AS m ON s.user_id IN ('', m.user_id) AND m.dimension = s.dimension AND m.value = s.value
JOIN call_postings AS p ON p.call_id = m.call_id AND p.at >= s.counts_from
WHERE EXISTS (SELECT FROM budget_scopes)
GROUP BY s.user_id, s.dimension, s.value, quarter_hour(p.at);
COMMENT ON VIEW expected_scope_spend IS 'What scope_spend must contain.';

SELECT guard_erased_users('scope_spend', 'skip');
